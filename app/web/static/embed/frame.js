// The campaign inside a partner's page: no cookie, no token; the session comes over a port from the page around it, which
// must be the parent and of an origin that the campaign allows. Its origin is read from its greeting, never guessed.
const main = document.querySelector("main");
const flow = document.querySelector(".flow");
const screen = document.querySelector(".screen");
const end = document.querySelector(".exit");
const busy = document.querySelector(".busy");
const form = unshadowed(flow.querySelector("form[data-path]"));
const place = flow.querySelector(".prefill");
const words = JSON.parse(place.dataset.words);
const language = document.documentElement.lang;
const allowedOrigins = JSON.parse(flow.dataset.origins);
const rejected = JSON.parse(flow.dataset.rejected); // the screen of those who have no session, null: they play all the same

const playKey = randomKey(); // of this document: however often its button is pressed, one participation
let port = null;
let opened = null;
let isPlaying = false;
let isWanted = false; // the form was sent before there was a session

const tell = (name, code) => port.postMessage({ type: "state", name, code: code || null });

const showOnly = (part) => {
  for (const each of [flow, screen, end]) each.hidden = each !== part;
  main.classList.toggle("steps", part === flow); // the two looks of our pages
  main.classList.toggle("says", part !== flow);
};

const refuse = (name, code, { title, message, return_url: url, language: spoken }) => {
  mark(screen.querySelector("h1"), spoken).textContent = title;
  mark(screen.querySelector(".message"), spoken).textContent = message;
  const link = screen.querySelector("a");
  link.hidden = !url;
  if (url) link.href = url; // the campaign's, checked when it was stored
  const reference = screen.querySelector(".reference");
  reference.hidden = !opened.id;
  reference.querySelector("code").textContent = opened.id ? opened.id.slice(-8) : "";
  showOnly(screen);
  tell(name, code);
};

const beBusy = (code) => {
  busy.textContent = isOver(code) ? words.expired : busy.dataset.text;
  tell("unavailable", code);
};

const hear = (state, session, failure) => {
  const [name, code] = eventFor(state, session, failure) || [];
  if (name === "rejected" || name === "denied") refuse(name, code, session.screen);
  else if (name) tell(name, code);
};

const look = async (seconds) => {
  const seen = withRefused(await lookAt(opened, seconds, language), opened.refused);
  showGift(seen); // of the game's script
  return seen;
};

const play = async () => {
  busy.textContent = "";
  form.ariaBusy = "true";
  try {
    await playIn(opened, playKey, language);
    showOnly(end);
    end.querySelector("h1").focus();
    tell("submitted", null);
  } catch ({ code, screen: said }) {
    if (said) refuse(isDenial(code) ? "denied" : "rejected", code, said);
    else beBusy(code);
  } finally {
    form.ariaBusy = null;
    isPlaying = false;
  }
};

const begin = (given) => {
  opened = given;
  if (!opened.id) isPlaying = isWanted = false;
  if (rejected && isRejection(opened.code)) return refuse("rejected", opened.code, rejected);
  showOnly(flow); // also to one who was refused before this
  if (!opened.id) {
    place.dataset.state = "none";
    return beBusy(opened.code);
  }
  busy.textContent = "";
  tell("ready", null);
  bindPrefill(flow.querySelector("form[data-path]"), {
    look,
    words,
    place,
    deadlineSeconds: Number(form.dataset.deadline),
    tell: hear,
    forget: () => port.postMessage({ type: "forget" }),
  });
  if (isWanted) play();
};

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (isPlaying) return;
  isPlaying = isWanted = true;
  if (opened && opened.id) play();
  else if (opened) port.postMessage({ type: "again" });
});

const connect = (source, origin, nonce) => {
  const channel = new MessageChannel();
  port = channel.port1;
  port.onmessage = ({ data }) => {
    if (!data || data.type !== "session" || (data.id && !/^ses_[0-9a-v]{26}$/.test(data.id))) return;
    // Another participant: nothing of this one stays, and the steps begin anew.
    if (opened && opened.id) window.location.replace(window.location.pathname + window.location.search);
    else begin({ id: data.id, key: data.key, code: data.code, refused: data.refused });
  };
  source.postMessage({ vestibule: 1, type: "port", nonce }, origin, [channel.port2]);
  port.postMessage({ type: "title", title: document.title });
  window.addEventListener("hashchange", () => port.postMessage({ type: "step" }));
  new ResizeObserver(() => port.postMessage({ type: "height", height: document.body.offsetHeight })).observe(document.body);
};

if (window.parent === window) window.location.replace(`/c/${flow.dataset.campaign}`);
window.addEventListener("message", ({ source, origin, data }) => {
  if (port || source !== window.parent || !allowedOrigins.includes(origin)) return;
  if (data && data.vestibule === 1 && data.type === "hello" && typeof data.nonce === "string") {
    connect(source, origin, data.nonce);
  }
});
