// The JS tag: shows a campaign inside the partner's page, in a frame that learns its session over a port of its own.
const NAME = "vestibule-campaign";
const STATES = ["ready", "prefilled", "unavailable", "denied", "rejected", "submitted"];
const LOAD_MS = 15000;
const ANSWER_MS = 5000;
const MAX_HEIGHT = 20000;

const visits = new Map(); // by campaign: one session, whichever elements show it
const embeds = new Map(); // by element that is in the page
const known = new WeakMap(); // by element, also those that were taken out and may come back

const visitOf = (campaign) => {
  if (!visits.has(campaign)) visits.set(campaign, { given: undefined, question: null, session: null });
  return visits.get(campaign);
};

// Gives the campaign's session to the elements that show it; without one there is none, nor a need.
const openFor = (campaign) => {
  const shown = [...embeds.values()].filter((embed) => embed.frame && embed.campaign === campaign);
  if (!shown.length) return;
  const visit = visitOf(campaign);
  visit.session = openWithOrWithout(campaign, visit.given);
  shown.forEach((embed) => embed.hand());
  // There is nothing to frame, and no wait for it.
  visit.session.then(({ code }) => {
    if (code === "campaign_unknown") embeds.forEach((embed) => embed.campaign === campaign && embed.fail(code));
  });
};

const give = (campaign, token) => {
  const visit = visitOf(campaign);
  if (token === null && visit.question) return; // the answer may tell more
  visit.question = null;
  if (visit.given === token) return;
  Object.assign(visit, { given: token, session: null });
  openFor(campaign);
};

class Embed {
  constructor(element) {
    this.element = element;
    this.campaign = "";
    this.token = undefined;
    this.getToken = null;
    const root = element.attachShadow({ mode: "open" });
    this.fallback = document.createElement("slot"); // what stands in the element: a link, mostly
    this.place = root;
    root.append(this.fallback);
    this.accept("token", (token) => {
      this.token = token === null || typeof token === "string" ? token : undefined;
      if (this.frame) this.begin();
    });
    this.accept("getToken", (getToken) => {
      this.getToken = getToken;
      if (this.frame && !visitOf(this.campaign).given) this.ask();
    });
  }

  // Takes a property of the element over: also one that was set before the element became ours. It cannot be read.
  accept(name, take) {
    const earlier = this.element[name];
    Object.defineProperty(this.element, name, { configurable: true, enumerable: false, get: () => undefined, set: take });
    if (earlier !== undefined) take(earlier);
  }

  option(name) {
    return this.element.getAttribute(name) || this.element.getAttribute(`data-${name}`) || "";
  }

  show() {
    this.campaign = this.option("campaign") || this.option("vestibule-campaign");
    if (this.frame || !CAMPAIGN_ID.test(this.campaign)) return;
    const speaking = this.element.closest("[lang]");
    const frame = (this.frame = document.createElement("iframe"));
    frame.title = this.option("title") || this.campaign;
    frame.referrerPolicy = "no-referrer";
    if (getComputedStyle(this.element).display === "inline") this.element.style.display = "block";
    Object.assign(frame.style, { display: "block", width: "100%", border: "0" });
    frame.style.minHeight = `${parseInt(this.option("min-height"), 10) || 320}px`;
    frame.src = `${HOST}/embed/v1/frame/${this.campaign}${speaking ? `?lang=${encodeURIComponent(speaking.lang)}` : ""}`;
    frame.addEventListener("load", () => this.greet());
    this.expect(LOAD_MS);
    this.element.dataset.state = "loading";
    this.fallback.hidden = true;
    this.place.append(frame);
    this.begin();
  }

  hide() {
    clearTimeout(this.waiting);
    if (this.port) this.port.close();
    if (this.frame) this.frame.remove();
    this.frame = this.port = this.nonce = null;
    this.sessionId = null;
  }

  // Shows what stands in the element where the frame does not come: out of reach, or not allowed on this page.
  expect(ms) {
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.fail("frame_unreachable"), ms);
  }

  begin() {
    const { campaign, token } = this;
    const visit = visitOf(campaign);
    const isKnown = () => visit.given !== undefined || visit.question;
    this.token = undefined; // given once
    if (token !== undefined) give(campaign, token);
    if (!isKnown() && this.getToken) this.ask();
    else if (!isKnown()) afterGrace(() => this.frame && this.campaign === campaign && !isKnown() && give(campaign, null));
    else if (visit.given !== undefined && !visit.session) openFor(campaign);
  }

  async ask() {
    const { campaign } = this;
    const visit = visitOf(campaign);
    const question = (visit.question = {}); // the answer to the last one counts, unless a token comes first
    let token = null;
    try {
      token = await this.getToken.call(this.element);
    } catch {
      // The page could not tell who this is: nobody in particular.
    }
    if (visit.question !== question) return;
    visit.question = null;
    give(campaign, typeof token === "string" ? token : null);
  }

  // Each document that the frame loads is greeted; only one of ours, from our origin, is sent the greeting.
  greet() {
    if (this.port) this.port.close();
    this.port = null;
    this.nonce = randomKey();
    this.expect(ANSWER_MS);
    this.frame.contentWindow.postMessage({ vestibule: 1, type: "hello", nonce: this.nonce }, HOST);
  }

  connect(port) {
    clearTimeout(this.waiting);
    this.nonce = null;
    this.port = port;
    port.onmessage = (event) => this.hear(event.data);
    this.hand();
  }

  async hand() {
    const { port, campaign } = this;
    const { session } = visitOf(campaign);
    if (!port || !session) return;
    const opened = await session;
    if (this.port !== port || visitOf(campaign).session !== session) return; // shown anew, or with another token
    this.sessionId = opened.id || null;
    port.postMessage({ type: "session", ...opened });
  }

  hear(message) {
    if (!message || typeof message !== "object") return;
    const { type, name, code, height, title } = message;
    if (type === "state" && STATES.includes(name)) this.tell(name, typeof code === "string" ? code : null);
    else if (type === "height" && height > 0 && height < MAX_HEIGHT) {
      this.frame.style.height = `${Math.ceil(height)}px`;
      this.tell("resize", null);
    } else if (type === "title" && typeof title === "string" && !this.option("title")) this.frame.title = title;
    else if (type === "step") this.follow();
    else if (type === "forget") give(this.campaign, null);
    else if (type === "again") openFor(this.campaign);
  }

  // The next step begins at the frame's top, which a tall one before may have pushed out of sight.
  follow() {
    if (this.element.getBoundingClientRect().top < 0) this.element.scrollIntoView();
  }

  fail(code) {
    this.hide();
    this.fallback.hidden = false;
    this.tell("unavailable", code);
  }

  tell(name, code) {
    if (name !== "resize") this.element.dataset.state = name;
    const detail = { code, sessionId: this.sessionId || null };
    this.element.dispatchEvent(new CustomEvent(`vestibule:${name}`, { bubbles: true, composed: true, detail }));
  }
}

const show = (element) => {
  if (!known.has(element)) known.set(element, new Embed(element));
  const embed = known.get(element);
  embeds.set(element, embed);
  embed.show();
};

const hide = (element) => {
  if (embeds.has(element)) embeds.get(element).hide();
  embeds.delete(element);
};

const ALIAS = "div[data-vestibule-campaign]";
const aliasesIn = (node) =>
  node.nodeType === Node.ELEMENT_NODE ? [...(node.matches(ALIAS) ? [node] : []), ...node.querySelectorAll(ALIAS)] : [];

const start = () => {
  window.addEventListener("message", (event) => {
    if (event.origin !== HOST || !event.data || event.data.vestibule !== 1 || event.data.type !== "port") return;
    embeds.forEach((embed) => {
      const isTheirs = embed.frame && embed.frame.contentWindow === event.source;
      if (isTheirs && embed.nonce && event.data.nonce === embed.nonce && event.ports[0]) embed.connect(event.ports[0]);
    });
  });
  customElements.define(
    NAME,
    class extends HTMLElement {
      static observedAttributes = ["campaign", "lang"];
      connectedCallback() {
        show(this);
      }
      disconnectedCallback() {
        hide(this);
      }
      attributeChangedCallback(_, before, after) {
        if (before === after || !embeds.has(this)) return;
        hide(this);
        show(this);
      }
    },
  );
  new MutationObserver((changes) => {
    for (const change of changes) {
      change.removedNodes.forEach((node) => aliasesIn(node).forEach((element) => element.isConnected || hide(element)));
      change.addedNodes.forEach((node) => aliasesIn(node).forEach((element) => element.isConnected && show(element)));
    }
  }).observe(document, { childList: true, subtree: true });
  aliasesIn(document.documentElement).forEach(show);
  queue.subscribe(give);
};

if (!queue.scripts.tag && !customElements.get(NAME)) {
  queue.scripts.tag = true;
  start();
}
