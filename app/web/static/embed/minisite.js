// The minisite script: brings session, prefill and screens to a form of the partner's own page.
const FORM = "form[data-vestibule-campaign]";
const DEADLINE_SECONDS = 10;
const UNNOTICED_MS = 300;

const tokens = new Map(); // by campaign, null: there is none
const bound = new Map(); // by form

const element = (name, text) => {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
};

const primaryOf = (language) => language.split("-")[0].toLowerCase();

const wordsFor = (language, partner) => {
  const words = WORDS[language];
  const named = (text) => (typeof text === "string" ? text.replaceAll("{partner}", () => partner) : text);
  return Object.fromEntries(Object.entries(words).map(([name, text]) => [name, named(text)]));
};

class Minisite {
  constructor(form) {
    this.element = form;
    this.form = unshadowed(form);
    this.campaign = this.form.dataset.vestibuleCampaign;
    const speaking = this.form.closest("[lang]");
    this.language = (speaking ? speaking.lang : navigator.language).replace(/[^\w-]|_/g, "-"); // else a preflight fails
    this.spoken = primaryOf(this.language) in WORDS ? primaryOf(this.language) : "en"; // of our own words
    this.words = wordsFor(this.spoken, this.form.dataset.vestibulePartner || location.hostname);
    this.place = this.form.querySelector("[data-vestibule-status]") || element("div", "");
    if (!this.place.isConnected) this.form.prepend(this.place);
    if (this.spoken !== primaryOf(this.language)) mark(this.place, this.spoken);
    this.screen = element("section", ""); // in the page from the start, so that what it comes to say is read out
    this.screen.className = "vestibule-screen";
    this.screen.setAttribute("aria-live", "polite");
    this.form.before(this.screen);
    this.playKey = randomKey();
    this.onSubmit = (event) => this.submit(event);
    this.form.addEventListener("submit", this.onSubmit, { capture: true });
    this.form.dataset.state = "loading";
    if (tokens.has(this.campaign)) this.enter(tokens.get(this.campaign));
    else afterGrace(() => !this.session && !this.isOver && this.enter(null));
  }

  // Takes what the page knows of its participant; another token is another participant, for whom nothing of this one stays.
  async enter(token) {
    if (this.prefill) this.prefill.empty();
    if (this.prefill) this.prefill.stop();
    this.prefill = null;
    this.restore();
    this.token = token;
    const session = (this.session = this.open(token));
    const opened = await session;
    if (this.session !== session || this.isOver) return;
    this.sessionId = opened.id || null;
    if (isRejection(opened.code)) return this.refuse("rejected", opened.code, opened.screen);
    if (opened.id) this.tell("ready", null);
    const deadlineSeconds = Number(this.form.dataset.vestibuleDeadline) || DEADLINE_SECONDS;
    this.prefill = bindPrefill(this.element, {
      look: (seconds) => (opened.id ? this.look(opened, seconds) : Promise.reject(problem(opened))),
      words: this.words,
      place: this.place,
      deadlineSeconds: opened.id ? deadlineSeconds : 0, // where there is no session nothing is waited for
      tell: (...heard) => this.hear(...heard),
      forget: () => this.enter(null),
    });
  }

  open(token) {
    return openWithOrWithout(this.campaign, token, this.language);
  }

  async look(opened, seconds) {
    return withRefused(await lookAt(opened, seconds, this.language), opened.refused);
  }

  leave() {
    this.isOver = true;
    if (this.prefill) this.prefill.stop();
    this.form.removeEventListener("submit", this.onSubmit, { capture: true });
    this.restore();
    this.screen.remove();
  }

  hear(state, session, failure) {
    const [name, code] = eventFor(state, session, failure) || [];
    if (name === "rejected" || name === "denied") this.refuse(name, code, session.screen);
    else if (name) this.tell(name, code);
  }

  // The form goes on to whoever reads it, as often as it is sent, but only once its participation stands recorded.
  async submit(event) {
    if (this.isRecorded) {
      this.isRecorded = false;
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    if (this.isPlaying) return;
    this.isPlaying = true;
    const saying = setTimeout(() => this.say("status", this.words.sending), UNNOTICED_MS);
    try {
      await this.play();
      this.unsay();
      this.playKey = randomKey();
      this.isRecorded = true;
      this.tell("submitted", null);
    } catch (error) {
      this.notPlayed(error);
    }
    clearTimeout(saying);
    this.isPlaying = false;
    if (this.isRecorded) this.form.requestSubmit(event.submitter);
    this.isRecorded = false;
  }

  async play() {
    let opened = this.session && (await this.session);
    if (!opened || !opened.id) {
      this.session = this.open(this.token === undefined ? null : this.token);
      opened = await this.session;
    }
    if (!opened.id) throw problem(opened);
    this.sessionId = opened.id;
    await playIn(opened, this.playKey, this.language);
  }

  notPlayed({ code, screen }) {
    if (screen || isRejection(code)) return this.refuse(isDenial(code) ? "denied" : "rejected", code, screen);
    this.say("alert", isOver(code) ? this.words.expired : this.words.busy);
    this.tell("unavailable", code);
  }

  say(role, text) {
    this.unsay();
    this.said = element("p", text); // a new one, so that an alert is read out as such
    this.said.setAttribute("role", role);
    this.place.append(this.said);
  }

  unsay() {
    if (this.said) this.said.remove();
  }

  refuse(name, code, screen) {
    this.unsay();
    const said = screen || { ...this.words.unrecognised, language: this.spoken };
    const { title, message, return_url: url, language } = said;
    const texts = [element("h2", title), ...message.split(/\n+/).map((text) => element("p", text))];
    this.screen.replaceChildren(...texts.map((text) => mark(text, language)));
    if (url) {
      const link = mark(element("a", this.words.back), this.spoken);
      link.href = url;
      link.rel = "noreferrer";
      this.screen.append(link);
    }
    if (this.sessionId) {
      const reference = `${this.words.reference} ${this.sessionId.slice(-8)}`;
      this.screen.append(mark(element("p", reference), this.spoken));
    }
    const { style } = this.form;
    this.display = this.display || [style.getPropertyValue("display"), style.getPropertyPriority("display")];
    style.setProperty("display", "none", "important");
    this.tell(name, code);
  }

  // What the page itself says of the form's display holds again: it may be hidden until its step.
  restore() {
    this.unsay();
    this.screen.replaceChildren();
    if (this.display) this.form.style.setProperty("display", ...this.display);
    this.display = null;
  }

  tell(name, code) {
    this.form.dataset.state = name;
    const detail = { code: code || null, sessionId: this.sessionId || null };
    this.form.dispatchEvent(new CustomEvent(`vestibule:${name}`, { bubbles: true, composed: true, detail }));
  }
}

const formsIn = (node) => {
  if (!(node instanceof Element)) return [];
  const { matches, querySelectorAll } = Element.prototype; // a form's own may be hidden by its fields
  return [...(matches.call(node, FORM) ? [node] : []), ...querySelectorAll.call(node, FORM)];
};

const isConnected = (form) => unshadowed(form).isConnected;

const bind = (form) => {
  if (bound.has(form) || !CAMPAIGN_ID.test(unshadowed(form).dataset.vestibuleCampaign)) return;
  try {
    bound.set(form, new Minisite(form));
  } catch (error) {
    reportError(error); // one form's trouble is not the others'
  }
};

const unbind = (form) => {
  if (bound.has(form)) bound.get(form).leave();
  bound.delete(form);
};

const start = () => {
  queue.subscribe((campaign, token) => {
    if (tokens.has(campaign) && tokens.get(campaign) === token) return;
    tokens.set(campaign, token);
    bound.forEach((minisite) => minisite.campaign === campaign && minisite.enter(token));
  });
  new MutationObserver((changes) => {
    for (const { removedNodes, addedNodes } of changes) {
      removedNodes.forEach((node) => formsIn(node).forEach((form) => isConnected(form) || unbind(form)));
      addedNodes.forEach((node) => formsIn(node).forEach((form) => isConnected(form) && bind(form)));
    }
  }).observe(document, { childList: true, subtree: true });
  formsIn(document.documentElement).forEach(bind);
};

if (!queue.scripts.minisite) {
  queue.scripts.minisite = true;
  start();
}
