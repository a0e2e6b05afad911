// Brings a prefill that comes after the page: fills fields that are empty and untouched, and says so.
// The page works without it. It knows the session by its cookie alone; no token ever comes here.
"use strict";

(() => {
  const WAIT_SECONDS = 10;
  const PAUSES_MS = [500, 1000, 2000, 4000]; // after an answer that did not come
  const form = document.querySelector("form[data-session]");
  if (!form) return;
  const status = form.querySelector("[role=status]");
  const touched = new Set();
  const filled = new Map(); // by field: the value that we put there

  const isCheckbox = (field) => field.type === "checkbox";
  const fieldNamed = (name) => [...form.elements].find((field) => field.name === name);

  const say = (state, text, link) => {
    form.dataset.state = state;
    const words = document.createElement("span");
    words.textContent = text;
    status.replaceChildren(words, ...(link ? [link] : []));
  };

  const clearLink = () => {
    const link = document.createElement("a");
    link.href = `${form.getAttribute("action").split("?")[0]}?prefill=off`;
    link.className = "clear";
    link.textContent = status.dataset.clear;
    return link;
  };

  const fillField = (name, value) => {
    const field = fieldNamed(name);
    if (!field || touched.has(name)) return false;
    if (isCheckbox(field)) {
      if (value !== "1" || field.checked) return false;
      field.checked = true;
    } else {
      if (!value || field.value) return false;
      field.value = value;
      if (!field.value) return false; // the field's type does not take it
    }
    field.classList.add("is-filled");
    filled.set(field, value);
    return true;
  };

  const fill = (values) => {
    const taken = Object.entries(values).filter(([name, value]) => fillField(name, value));
    if (taken.length) say("ready", status.dataset.filled, clearLink());
    else say("none", "");
  };

  const clear = () => {
    for (const [field, value] of filled) {
      field.classList.remove("is-filled");
      if (isCheckbox(field)) field.checked = false;
      else if (field.value === value) field.value = "";
    }
    filled.clear();
    say("none", status.dataset.cleared);
    form.elements[0].focus(); // the link that had it is gone
  };

  const settle = (session) => {
    if (session.refused) window.location.reload();
    else if (session.prefill.status === "ready") fill(session.prefill.values);
    else if (session.prefill.status === "unavailable") say("unavailable", status.dataset.unavailable);
    else say("none", "");
  };

  const ask = async () => {
    const answer = await fetch(`${form.dataset.session}?wait=${WAIT_SECONDS}`, { cache: "no-store" });
    if (answer.status === 404 || answer.status === 410) return { settled: true, prefill: { status: "unavailable" } };
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    return answer.json();
  };

  const poll = async () => {
    for (let failures = 0; ; ) {
      try {
        const session = await ask();
        if (session.settled) return settle(session);
      } catch {
        if (failures === PAUSES_MS.length) return say("unavailable", status.dataset.unavailable);
        await new Promise((resume) => setTimeout(resume, PAUSES_MS[failures]));
        failures += 1;
      }
    }
  };

  form.addEventListener("input", (event) => {
    touched.add(event.target.name);
    event.target.classList.remove("is-filled");
  });
  status.addEventListener("click", (event) => {
    if (!event.target.matches(".clear")) return;
    event.preventDefault();
    clear();
  });

  for (const field of form.elements) {
    const value = isCheckbox(field) ? (field.defaultChecked ? "1" : "") : field.defaultValue;
    if (form.dataset.state === "ready" && field.name && value) filled.set(field, value);
  }
  if (form.dataset.state === "pending") poll();
})();
