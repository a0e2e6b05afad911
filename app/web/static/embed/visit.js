// What can be done with an open session: look at it, and play.
const problem = ({ code, screen }) => Object.assign(new Error(code), { code, screen });

const headersFor = ({ key }, language) => ({ Authorization: `Bearer ${key}`, ...inLanguage(language) });

// Returns the session as GET shows it, after at most so many seconds; throws with the problem's code.
const lookAt = async (opened, seconds, language) => {
  const path = `/v1/sessions/${opened.id}?wait=${seconds}`;
  const { status, body } = await ask(path, { headers: headersFor(opened, language) });
  if (status !== 200) throw problem(body);
  return body;
};

// Returns the session of one whose token was refused before there was any, and who may play without.
const withRefused = (session, code) => (code ? { ...session, token: { status: "rejected", reason: code } } : session);

// Records one participation, the same one however often it is asked for with `playKey`; throws with the problem's code
// and the screen for one who may not play.
const playIn = async (opened, playKey, language) => {
  const NOT_SETTLED_TRIES = 5;
  const path = `/v1/sessions/${opened.id}/participations`;
  const headers = { ...headersFor(opened, language), "Idempotency-Key": playKey };
  for (let tries = 1; ; tries += 1) {
    const { status, body } = await insist(path, { method: "POST", headers });
    if (status === 201) return;
    if (body.code !== "not_settled" || tries === NOT_SETTLED_TRIES) throw problem(body);
    await pause(1000);
  }
};

// Says of an element which language its text is in, if that is known; its letters tell which way it is written.
const mark = (element, language) => (language ? Object.assign(element, { lang: language, dir: "auto" }) : element);

// What the codes of the interface mean to a participant.
const isOver = (code) => /^session_/.test(code);
const isDenial = (code) => code === "limit_reached" || code === "not_eligible";

// Returns the event for a state that the prefill came to, and its code; null where it is nobody's business. `failure`
// is why the last look at the session failed, if it did.
const eventFor = (state, session, failure) => {
  switch (state) {
    case "prefilled":
    case "partial":
      return ["prefilled", null];
    case "unavailable":
      return ["unavailable", session?.prefill?.reason || session?.token?.reason || failure || "deadline"];
    case "expired":
      return ["unavailable", "session_expired"];
    case "closed":
      return ["unavailable", "campaign_unknown"];
    case "rejected":
      return ["rejected", session.token.reason];
    case "denied":
      return ["denied", session.participation.reason];
    default:
      return null;
  }
};
