// A participant's session, from afar: opened with a token (which leaves the page here alone, in the body of a POST), read
// and played with the key that came for it. No cookie, no address with a secret in it, nothing kept.
const script = document.currentScript || document.querySelector('script[src*="/embed/v1/"]'); // a module has none
const HOST = new URL(script.src).origin;

const randomKey = () =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const pause = (ms) => new Promise((resume) => setTimeout(resume, ms));

const ask = async (path, options) => {
  const LIMIT_MS = 40000;
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), LIMIT_MS);
  try {
    const answer = await fetch(HOST + path, {
      ...options,
      signal: limit.signal,
      credentials: "omit",
      cache: "no-store",
      referrerPolicy: "no-referrer",
    });
    const body = await answer.json();
    if (body.screen) body.screen.language = answer.headers.get("Content-Language");
    return { status: answer.status, body, again: Number(answer.headers.get("Retry-After")) || 0 };
  } catch {
    return { status: 0, body: { code: "unreachable" }, again: 0 }; // no answer, or half of one
  } finally {
    clearTimeout(timer);
  }
};

// Asks as often as a service that is busy or out of reach deserves, and returns the last answer.
const insist = async (path, options) => {
  const PAUSES_MS = [400, 1500, 4000];
  const LONGEST_MS = 5000;
  for (const ms of PAUSES_MS) {
    const answer = await ask(path, options);
    if (answer.status && answer.status !== 429 && answer.status < 500) return answer;
    await pause(Math.max(ms, Math.min(answer.again * 1000, LONGEST_MS)) * (1 + Math.random() / 2));
  }
  return ask(path, options);
};

const inLanguage = (language) => (language ? { "Accept-Language": language } : {});

// Returns {id, key}, or {code} that says why there is no session, with the screen of a campaign that requires one.
const openSession = async (campaign, token, language) => {
  const { status, body } = await insist(`/v1/campaigns/${campaign}/sessions`, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Idempotency-Key": randomKey(), ...inLanguage(language) },
    body: JSON.stringify(token === null ? {} : { token: token.trim() }), // a body that was fetched ends with its line
  });
  return status === 202 ? { id: body.session_id, key: body.session_key } : { code: body.code, screen: body.screen };
};

const isRejection = (code) => /^token_/.test(code);

// As above. Whose token no session comes of plays without one where the campaign lets them, which then has no screen for
// that: `refused` says why the token was.
const openWithOrWithout = async (campaign, token, language) => {
  const opened = await openSession(campaign, token, language);
  if (!isRejection(opened.code) || opened.screen || token === null) return opened;
  return { ...(await openSession(campaign, null, language)), refused: opened.code };
};
