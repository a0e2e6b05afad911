// The campaign's page: brings a prefill that comes after it. It works without this script.
// The session is known by its cookie alone; no token ever comes here.
"use strict";

(() => {
  const GRACE_SECONDS = 5; // a look that takes longer than its wait by this much is lost
  const form = document.querySelector("form[data-path]");
  const { path, deadline, state } = form.dataset;
  const place = document.querySelector(".prefill");

  const look = async (seconds) => {
    const signal = AbortSignal.timeout((seconds + GRACE_SECONDS) * 1000);
    const answer = await fetch(`${path}/session?wait=${seconds}`, { cache: "no-store", signal });
    const said = await answer.json();
    if (!answer.ok) throw Object.assign(new Error(), { code: said.code });
    return said;
  };

  const tell = (become) => {
    if (become === "rejected" || become === "denied") window.location.reload(); // the screen is the server's
  };

  if (state === "none") return;
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
