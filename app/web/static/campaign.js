// The campaign's page: brings a prefill that comes after it. It works without this script.
// The session is known by its cookie alone; no token ever comes here.
"use strict";

(() => {
  const GRACE_SECONDS = 5; // a look that takes longer than its wait by this much is lost
  const AGAIN_MS = 5000;
  const form = document.querySelector("form[data-path]");
  const own = unshadowed(form); // of prefill.js
  const { path, of, deadline, state } = own.dataset;
  const place = document.querySelector(".prefill");

  const look = async (seconds) => {
    const signal = AbortSignal.timeout?.((seconds + GRACE_SECONDS) * 1000); // where there is none, a lost look stays lost
    const answer = await fetch(`${path}/session?wait=${seconds}&of=${of}`, { cache: "no-store", signal });
    const said = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(), { code: said.code });
    showGift(said);
    return said;
  };

  const tell = (become) => {
    if (become === "rejected" || become === "denied") window.location.reload(); // the screen is the server's
  };

  // A second tap sends nothing; out of the browser's memory, and after a while, the form can be sent again, and counts as
  // the same: nothing tells a page that its form was stopped on the way.
  const letSend = () => {
    own.ariaBusy = null;
  };
  own.addEventListener("submit", (event) => {
    if (own.ariaBusy === "true") return event.preventDefault();
    own.ariaBusy = "true";
    setTimeout(letSend, AGAIN_MS);
  });
  window.addEventListener("pageshow", letSend);

  if (!of || state === "none") return; // no session, or one that brings nothing: the server has said what there is to say
  bindPrefill(form, {
    look,
    tell,
    place,
    words: JSON.parse(place.dataset.words),
    deadlineSeconds: Number(deadline),
    isFilled: state === "ready",
    forget: () => document.getElementById("forget").submit(),
  });
})();
