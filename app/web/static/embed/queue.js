// The page's queue, window.vestibule, by which it gives its tokens: before the scripts came or after, in either of them.
const CAMPAIGN_ID = /^[A-Za-z0-9._-]{1,128}$/;

const queue = (() => {
  const earlier = window.vestibule;
  if (earlier && earlier.subscribe) return earlier; // the other script's, or this one's, included twice
  const tokens = new Map(); // by campaign; null: there is none
  const readers = [];
  const push = (...entries) => {
    for (const [what, campaign, token] of entries.filter(Array.isArray)) {
      if (what !== "token" || (token !== null && typeof token !== "string")) continue;
      tokens.set(String(campaign), token);
      readers.forEach((read) => read(String(campaign), token));
    }
  };
  const subscribe = (read) => {
    readers.push(read);
    tokens.forEach((token, campaign) => read(campaign, token));
  };
  if (Array.isArray(earlier)) push(...earlier.splice(0));
  window.vestibule = { push, subscribe, scripts: {} };
  return window.vestibule;
})();

// Runs `then` once the page had its time to give a token: without one the participant is nobody in particular.
const afterGrace = (then) => {
  const GRACE_MS = 1500;
  const start = () => setTimeout(then, GRACE_MS);
  if (document.readyState === "complete") start();
  else window.addEventListener("load", start, { once: true });
};
