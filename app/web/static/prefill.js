// Binds a form to what is known of its participant, with manners: what was typed is never touched, what comes late is
// offered, what was filled in can be cleared, and nothing submits by itself.
// Knows no address and no token, and keeps no data but in the fields: `look` is how a session is read.
"use strict";

/**
 * Bind `form`, whose fields are found by their names, and return `{stop}`.
 *
 * look(seconds): promises the session as `GET /v1/sessions/{id}?wait=seconds` shows it; where it cannot, rejects with
 *   the problem's `code` on the error. It ends by itself some seconds after that wait.
 * words: the texts by name (`PrefillWords` of app/web/prefill_words.py), in the participant's language.
 * place: an empty or server-filled element of the page, where the status and its buttons go; `data-state` mirrors it.
 * deadlineSeconds: how long the participant waits at most; from then on what comes is offered, not filled in.
 * isFilled: the form came filled from the server; no look is needed.
 * tell(state, session): called with each state: loading slow prefilled partial late none cleared unavailable expired
 *   closed, and rejected or denied, of which `place` says nothing: the screen is the page's.
 * forget(): "Not you?" was pressed, the fields are cleared; without it there is no such button.
 */
function bindPrefill(form, { look, words, place, deadlineSeconds = 10, isFilled = false, tell = () => {}, forget }) {
  const QUIET_MS = 300; // nothing is said before
  const SLOW_MS = 3000;
  const WAIT_SECONDS = 10;
  const PAUSE_MS = 500; // after a look that found the session not settled
  const LONGEST_PAUSE_MS = 30000; // after others; each is twice as long as the one before
  const LOOKS_ON_MS = 120000; // beyond the deadline: a partner may come back, and a replay succeed
  const FILLABLE = /^(text|search|email|tel|url|date|month|time|number|textarea|select-one|checkbox|radio)$/;
  const GONE = { session_unknown: "expired", session_expired: "expired", campaign_unknown: "closed" };

  const edited = new Set(); // names of fields that the participant changed
  const filled = new Map(); // by field: what it held before, and what we put there
  const timers = [];
  let session = null;
  let isFilling = false;
  let isWatching = false;
  let isOverdue = false;
  let isTaken = false; // what came was filled in, offered, or found to be nothing
  let isStopped = false;

  const status = place.querySelector("[role=status]") || document.createElement("p");
  const actions = document.createElement("span");
  status.setAttribute("role", "status");
  status.tabIndex = -1;
  actions.className = "actions";
  place.replaceChildren(status, actions);

  const isChoice = (field) => field.type === "checkbox" || field.type === "radio";
  const held = (field) => (isChoice(field) ? field.checked : field.value);
  const original = (field) => (isChoice(field) ? field.defaultChecked : field.defaultValue);
  const fillable = () =>
    [...form.elements].filter((field) => field.name && FILLABLE.test(field.type) && !field.disabled && !field.readOnly);
  const isMissing = (field) => field.willValidate && field.validity.valueMissing;
  const isShown = () => form.getClientRects().length > 0;

  const button = ([word, act]) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = word;
    made.addEventListener("click", act);
    return made;
  };

  const say = (state, text, ...doors) => {
    place.dataset.state = state;
    if (status.textContent !== text) status.textContent = text; // or it would be read out again
    actions.replaceChildren(...doors.map(button));
    tell(state, session);
  };

  // A button that was pressed is gone: whoever moves by keyboard goes on from here.
  const goOn = () => status.focus({ preventScroll: true });

  const valueFor = (field, { form: values, optin }) =>
    isChoice(field) ? optin[field.name] ?? values[field.name] : values[field.name];

  const takes = (field, value) => {
    if (typeof value !== "string" || !value || edited.has(field.name) || filled.has(field)) return false;
    if (field.type === "checkbox") return /^(1|true)$/i.test(value) && !field.checked;
    if (field.type === "radio") {
      return field.value === value && !fillable().some((other) => other.name === field.name && other.checked);
    }
    if (field.type === "select-one") return [...field.options].some((option) => option.value === value);
    return !field.value;
  };

  const set = (field, value) => {
    const before = held(field);
    isFilling = true;
    if (field.type === "radio" && !value) {
      field.checked = false; // a click does not take a choice back
    } else if (isChoice(field)) {
      if (field.checked !== value) field.click();
    } else {
      // The prototype's setter: frameworks watch the element's own.
      Object.getOwnPropertyDescriptor(Object.getPrototypeOf(field), "value").set.call(field, value);
      for (const name of ["input", "change"]) field.dispatchEvent(new Event(name, { bubbles: true }));
    }
    isFilling = false;
    return before;
  };

  const mark = (field, before) => {
    filled.set(field, { before, after: held(field) });
    field.toggleAttribute("data-filled", true);
  };

  const sayFilled = () => {
    if (!filled.size) return say("none", "");
    const isPartial = [...form.elements].some(isMissing);
    const doors = [[words.clear, clear]];
    if (forget) doors.push([words.notYou, notYou]);
    say(isPartial ? "partial" : "prefilled", isPartial ? words.partial : words.filled, ...doors);
  };

  const fill = () => {
    for (const field of fillable()) {
      const value = valueFor(field, session.prefill);
      if (!takes(field, value)) continue;
      const before = set(field, isChoice(field) ? true : value);
      if (held(field) !== before) mark(field, before); // a number field takes no word
    }
    sayFilled();
  };

  const empty = () => {
    for (const [field, { before, after }] of filled) {
      if (!edited.has(field.name) && held(field) === after) set(field, before);
      field.toggleAttribute("data-filled", false);
    }
    filled.clear();
  };

  const clear = () => {
    empty();
    say("cleared", words.cleared);
    goOn();
  };

  const notYou = () => {
    clear();
    forget();
  };

  const take = () => {
    isTaken = true;
    const isLate = edited.size || (isOverdue && isShown());
    if (!isLate || !fillable().some((field) => takes(field, valueFor(field, session.prefill)))) return fill();
    const accept = () => {
      fill();
      goOn();
    };
    say("late", words.late, [words.fill, accept]);
  };

  const giveUp = () => {
    isOverdue = true;
    if (place.dataset.state !== "unavailable") say("unavailable", words.unavailable);
  };

  const calm = () => timers.splice(0).forEach(clearTimeout);

  // Returns whether there is nothing more to look for.
  const settle = () => {
    const { participation, prefill, settled, token } = session;
    if (participation && !participation.allowed) {
      calm();
      say(participation.reason === "token_rejected" ? "rejected" : "denied", "");
      return true;
    }
    if (isTaken) return true;
    if (!settled) return false;
    calm();
    if (prefill.status === "ready") take();
    else if (prefill.status === "none" && token.status !== "rejected") say("none", "");
    else giveUp();
    return prefill.status !== "unavailable";
  };

  const sleep = (ms) => new Promise((resume) => setTimeout(resume, ms));

  const watch = async () => {
    if (isWatching || isStopped) return;
    isWatching = true;
    const until = Date.now() + deadlineSeconds * 1000 + LOOKS_ON_MS;
    for (let pause = PAUSE_MS; !isStopped && Date.now() < until; ) {
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      try {
        session = await look(WAIT_SECONDS);
        if (isStopped || settle()) break;
        if (!session.settled) pause = PAUSE_MS;
      } catch (error) {
        const end = GONE[error.code];
        if (end) {
          calm();
          say(end, words[end]);
          break;
        }
      }
      await sleep(pause);
    }
    isWatching = false;
  };

  const wait = () => {
    place.dataset.state = "loading";
    timers.push(
      setTimeout(() => say("loading", words.loading), QUIET_MS),
      setTimeout(() => say("slow", words.slow), SLOW_MS),
      setTimeout(giveUp, deadlineSeconds * 1000),
    );
    watch();
  };

  const noteEdit = ({ target }) => {
    if (isFilling || !target.name) return;
    edited.add(target.name);
    target.toggleAttribute("data-filled", false);
  };

  const comeBack = (event) => event.persisted && watch(); // out of the browser's memory: much may have happened

  form.addEventListener("input", noteEdit);
  form.addEventListener("change", noteEdit);
  window.addEventListener("pageshow", comeBack);
  for (const field of fillable()) {
    // What differs from what the page came with is the participant's: the browser brought it back.
    if (field.type !== "select-one" && held(field) !== original(field)) edited.add(field.name);
    else if (isFilled && field.type !== "select-one" && held(field)) mark(field, isChoice(field) ? false : "");
  }
  if (isFilled) {
    isTaken = true;
    sayFilled();
  } else {
    wait();
  }

  return {
    stop() {
      isStopped = true;
      calm();
      form.removeEventListener("input", noteEdit);
      form.removeEventListener("change", noteEdit);
      window.removeEventListener("pageshow", comeBack);
    },
  };
}
