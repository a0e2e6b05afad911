// Binds a form to what is known of its participant, with manners: what was typed is never touched, what comes late is
// offered, what was filled in can be cleared, and nothing submits by itself.
// Knows no address and no token, and keeps no data but in the fields: `look` is how a session is read.
"use strict";

// A field hides the form's own member of its name (`elements`, `style`, `dataset`): this sees the members alone.
const unshadowed = (form) =>
  new Proxy(form, {
    get: (_, name) => {
      const member = Reflect.get(HTMLFormElement.prototype, name, form);
      return typeof member === "function" ? member.bind(form) : member;
    },
    set: (_, name, value) => Reflect.set(HTMLFormElement.prototype, name, value, form),
  });

/**
 * Bind `form`, whose fields are found by their names, and return `{stop, empty}`; `empty` takes back what was filled in.
 *
 * look(seconds): promises the session as `GET /v1/sessions/{id}?wait=seconds` shows it; where it cannot, rejects with
 *   the problem's `code` on the error. It ends by itself some seconds after that wait.
 * words: the texts by name (`PrefillWords` of app/web/prefill_words.py), in the participant's language.
 * place: an empty or server-filled element of the page, where the status and its buttons go; `data-state` mirrors it.
 * deadlineSeconds: how long the participant waits at most; from then on what comes is offered, not filled in.
 * isFilled: the form came filled from the server; no look is needed.
 * tell(state, session, code): called with each state: loading slow prefilled partial late none cleared unavailable expired
 *   closed, and rejected or denied, whose screen is the page's; `code` says why the last look failed, if it did.
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
  const FOLDED = "details:not([open]) > :not(summary)";
  const GONE = { session_unknown: "expired", session_expired: "expired", campaign_unknown: "closed" };

  const own = unshadowed(form);
  const root = own.getRootNode(); // a field with `form="id"` stands outside of its form, and its events pass the form by
  const edited = new Set(); // names of fields that the participant changed
  const filled = new Map(); // by field: what it held before, and what we put there
  const awaited = new Set(); // opt-ins that nobody sees yet
  const timers = [];
  let session = null;
  let failure; // why the last look failed
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
  const preselected = (field) => [...field.options].filter((option) => option.defaultSelected).pop();
  const original = (field) => {
    if (isChoice(field)) return field.defaultChecked;
    if (field.type !== "select-one") return field.defaultValue;
    const option = preselected(field) || [...field.options].find(({ disabled }) => !disabled); // as the browser chooses
    return option ? option.value : "";
  };
  const fillable = () =>
    [...own.elements].filter((field) => field.name && FILLABLE.test(field.type) && !field.disabled && !field.readOnly);

  // A form in a step to come is seen in time; what is hidden within it may never be. A checkbox may be but its label.
  const isHidden = (field) => {
    const isNone = (node) => node.matches(FOLDED) || getComputedStyle(node).display === "none";
    const hides = (node) => node && node !== form && (isNone(node) || hides(node.parentElement));
    return [field, ...field.labels].every(hides);
  };

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
    tell(state, session, failure);
  };

  // A button that was pressed is gone: whoever moves by keyboard goes on from here.
  const goOn = () => status.focus({ preventScroll: true });

  const valueFor = (field, { form: values, optin }) =>
    isChoice(field) ? optin[field.name] ?? values[field.name] : values[field.name];

  const takes = (field, value) => {
    if (typeof value !== "string" || !value || edited.has(field.name) || filled.has(field)) return false;
    const others = fillable().filter((other) => other !== field && other.type === field.type && other.name === field.name);
    if (field.type === "checkbox") {
      return !field.checked && (others.length ? field.value === value : /^(1|true)$/i.test(value));
    }
    if (field.type === "radio") return !field.checked && field.value === value && !others.some(({ checked }) => checked);
    if (field.type === "select-one") {
      return !preselected(field)?.value && [...field.options].some((option) => option.value === value);
    }
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
    const isPartial = [...own.elements].some((field) => field.willValidate && field.validity.valueMissing);
    const doors = [[words.clear, clear]];
    if (forget) doors.push([words.notYou, notYou]);
    say(isPartial ? "partial" : "prefilled", isPartial ? words.partial : words.filled, ...doors);
  };

  const fillOne = (field) => {
    const value = valueFor(field, session.prefill);
    if (!takes(field, value)) return;
    const before = set(field, isChoice(field) ? true : value);
    if (held(field) !== before) mark(field, before); // a number field takes no word
  };

  const fill = () => {
    for (const field of fillable()) {
      if (isChoice(field) && isHidden(field)) watchFor(field);
      else fillOne(field);
    }
    sayFilled();
  };

  // Nobody agrees to what they cannot see: an opt-in is ticked once it, or its label, is shown.
  const notice = () => {
    const seen = [...awaited].filter((field) => !isHidden(field));
    for (const field of seen) {
      awaited.delete(field);
      fillOne(field);
    }
    if (seen.some((field) => filled.has(field))) sayFilled();
  };
  const appearing = new IntersectionObserver(notice, { rootMargin: "99999px" }); // that it is there will do
  const watchFor = (field) => {
    awaited.add(field);
    for (const part of [field, ...field.labels]) appearing.observe(part);
  };

  const empty = () => {
    awaited.clear();
    appearing.disconnect();
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
    const isLate = edited.size || (isOverdue && own.getClientRects().length > 0); // shown
    if (!isLate || !fillable().some((field) => takes(field, valueFor(field, session.prefill)))) return fill();
    const accept = () => {
      fill();
      goOn();
    };
    say("late", words.late, [words.fill, accept]);
  };

  const calm = () => timers.splice(0).forEach(clearTimeout);

  const giveUp = () => {
    calm(); // or it would say once more that it looks
    isOverdue = true;
    if (place.dataset.state !== "unavailable") say("unavailable", words.unavailable);
  };

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

  const watch = async () => {
    if (isWatching || isStopped) return;
    isWatching = true;
    const until = Date.now() + deadlineSeconds * 1000 + LOOKS_ON_MS;
    for (let pause = PAUSE_MS; !isStopped && Date.now() < until; ) {
      pause = Math.min(pause * 2, LONGEST_PAUSE_MS);
      try {
        session = await look(WAIT_SECONDS);
        failure = undefined;
        if (isStopped || settle()) break;
        if (!session.settled) pause = PAUSE_MS;
      } catch (error) {
        failure = error.code;
        const end = GONE[failure];
        if (end) {
          calm();
          say(end, words[end]);
          break;
        }
      }
      await new Promise((resume) => setTimeout(resume, pause));
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
    if (isFilling || target.form !== form || !target.name) return;
    edited.add(target.name);
    target.toggleAttribute("data-filled", false);
  };

  const comeBack = (event) => event.persisted && watch(); // out of the browser's memory: much may have happened

  root.addEventListener("input", noteEdit, true);
  root.addEventListener("change", noteEdit, true);
  window.addEventListener("pageshow", comeBack);
  for (const field of fillable()) {
    // What differs from what the page came with is the participant's: the browser brought it back, or they were first.
    if (held(field) !== original(field)) edited.add(field.name);
    else if (isFilled && held(field)) mark(field, isChoice(field) ? false : "");
  }
  isTaken = isFilled;
  if (isFilled) sayFilled();
  else wait();

  return {
    empty() {
      if (place.dataset.state === "cleared") return; // by hand: there is nothing left, and that is being read
      empty();
      say("none", "");
    },
    stop() {
      isStopped = true;
      calm();
      appearing.disconnect();
      root.removeEventListener("input", noteEdit, true);
      root.removeEventListener("change", noteEdit, true);
      window.removeEventListener("pageshow", comeBack);
    },
  };
}
