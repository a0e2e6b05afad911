// What the inspector's page asks of this server. The access token lives in this closure and nowhere else.
"use strict";

window.inspector = {};

(() => {
  const EARLY_MS = 30_000; // an access token is renewed before it ends
  let bearer = null;

  class Refusal extends Error {}

  const words = (body, status) => {
    const mistakes = (body.errors || []).map((mistake) => `${mistake.path}: ${mistake.reason}`);
    return [body.detail || body.error_description || `The server answered ${status}.`, ...mistakes].join(" ");
  };

  const ask = async (path, options = {}) => {
    let answer;
    try {
      answer = await fetch(path, { cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer", ...options });
    } catch {
      throw new Refusal("The server does not answer. Try again in a moment.");
    }
    const body = await answer.json().catch(() => ({}));
    if (answer.ok) return body;
    if (answer.status === 401) bearer = null;
    const wait = answer.headers.get("Retry-After");
    throw new Refusal(words(body, answer.status) + (wait ? ` Try again in ${wait} s.` : ""));
  };

  const basic = (id, secret) => {
    const octets = new TextEncoder().encode(`${encodeURIComponent(id)}:${encodeURIComponent(secret)}`);
    return `Basic ${btoa(String.fromCharCode(...octets))}`;
  };

  const signIn = async (id, secret) => {
    const issued = await ask("/oauth/token", {
      method: "POST",
      headers: { Authorization: basic(id, secret), "Content-Type": "application/x-www-form-urlencoded" },
      body: "grant_type=client_credentials",
    });
    bearer = {
      token: issued.access_token,
      client: id,
      scopes: new Set(issued.scope.split(" ")),
      until: Date.now() + issued.expires_in * 1000 - EARLY_MS,
    };
  };

  const authorized = (path, options = {}) => {
    const headers = { Authorization: `Bearer ${bearer.token}`, ...(options.headers || {}) };
    return ask(path, { ...options, headers });
  };

  const inspect = (asked) =>
    authorized("/v1/inspect", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(asked),
    });

  const ids = async (path, scope) => {
    if (!bearer || !bearer.scopes.has(scope)) return [];
    const page = await authorized(`${path}?limit=200`).catch(() => ({ items: [] }));
    return page.items.map((item) => item.id);
  };

  Object.assign(window.inspector, {
    Refusal,
    signIn,
    signOut: () => { bearer = null; },
    client: () => (bearer && Date.now() < bearer.until ? bearer.client : null),
    inspect,
    partners: () => ids("/v1/partners", "partners:read"),
    campaigns: () => ids("/v1/campaigns", "campaigns:read"),
    encryptionKeys: async (partner) => (await ask(`/v1/partners/${encodeURIComponent(partner)}/encryption-keys`)).keys,
  });
})();
