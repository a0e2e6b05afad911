// The pane that makes a valid sample: for each method a key of this page's own, and what its partner has to be told.
"use strict";

(() => {
  const { el, jose } = window.inspector;
  const byId = (id) => document.getElementById(id);
  const say = (words, isWrong = false) => {
    byId("mint-said").textContent = words;
    byId("mint-said").classList.toggle("wrong", isWrong);
  };
  const kept = new Map(); // by algorithm, so that one document is good for many samples
  let secret = null;

  const fillAlgorithms = () => {
    const isShared = byId("method").value === "symmetric";
    const fitting = jose.algorithms.filter((alg) => alg.startsWith("HS") === isShared);
    byId("alg").replaceChildren(...fitting.map((alg) => el("option", { value: alg }, alg)));
    byId("alg").value = isShared ? "HS256" : "ES256";
  };

  const moreClaims = () => {
    const written = byId("mint-more").value.trim() || "{}";
    let claims = null;
    try {
      claims = JSON.parse(written);
    } catch {
      /* said below */
    }
    if (claims === null || typeof claims !== "object" || Array.isArray(claims)) {
      throw new window.inspector.Refusal("More claims: this is not a JSON object.");
    }
    return claims;
  };

  const claims = () => {
    const now = Math.floor(Date.now() / 1000);
    const life = Number(byId("mint-life").value);
    const own = { sub: byId("mint-sub").value, campaignId: byId("mint-campaign").value.trim() };
    if (!own.sub || !own.campaignId) throw new window.inspector.Refusal("Say the participant and the campaign.");
    if (!(life >= 1)) throw new window.inspector.Refusal("Say for how many seconds it is valid.");
    return { ...own, iat: now, exp: now + life, jti: crypto.randomUUID(), ...moreClaims() };
  };

  const signatureMember = (key) => {
    const method = byId("method").value;
    if (method === "symmetric") {
      return { method, keys: [{ secret: key.secret, encoding: "base64url" }], algorithms: [key.alg] };
    }
    if (method === "jwks") return { method, jwks_url: "https://YOUR-HOST/jwks.json", algorithms: [key.alg] };
    return { method, keys: [{ jwk: key.jwk }], algorithms: [key.alg] };
  };

  const published = async (alg) => {
    const partner = byId("mint-partner").value.trim();
    if (!partner) throw new window.inspector.Refusal("Say the partner: the token is encrypted with our key for it.");
    const keys = await window.inspector.encryptionKeys(partner);
    const key = keys.find((each) => each.alg === alg && (each.kty === "RSA" || each.crv === "P-256"));
    if (!key) throw new window.inspector.Refusal(`There is no key of this partner for ${alg}.`);
    return key;
  };

  const encrypt = async (jws) => {
    const chosen = byId("encryption").value;
    if (!chosen) return [jws, null];
    if (chosen === "shared_secret") {
      secret ||= jose.makeSecret();
      const keys = [{ secret: secret.secret, encoding: "base64url" }];
      return [await jose.encryptWithSecret(jws, secret), { method: "shared_secret", keys, required: true }];
    }
    return [await jose.encryptForKey(jws, await published(chosen)), null];
  };

  const part = (title, object) => [
    el("h3", {}, title),
    el("pre", { tabindex: "0", "aria-label": title }, JSON.stringify(object, null, 2)),
  ];

  const make = async () => {
    const alg = byId("alg").value;
    const said = claims();
    if (!kept.has(alg)) kept.set(alg, await jose.makeKey(alg));
    const key = kept.get(alg);
    const [token, encryption] = await encrypt(await jose.sign(said, key));
    byId("minted-token").value = token;
    const members = { signature: signatureMember(key), ...(encryption ? { encryption } : {}) };
    const parts = [...part("What the partner's document has to say", members)];
    if (byId("method").value === "jwks") parts.push(...part("What has to stand at the jwks_url", { keys: [key.jwk] }));
    parts.push(...part("Claims", said));
    byId("minted-parts").replaceChildren(...parts);
    byId("minted").hidden = false;
    byId("minted").focus({ preventScroll: true });
  };

  const run = async (event) => {
    event.preventDefault();
    say("Making …");
    try {
      await make();
      say("");
    } catch (error) {
      const isOurs = error instanceof window.inspector.Refusal;
      say(isOurs ? error.message : `This browser cannot make ${byId("alg").value}.`, true);
    }
  };

  byId("method").addEventListener("change", fillAlgorithms);
  byId("mint").addEventListener("submit", run);
  byId("new-key").addEventListener("click", () => {
    kept.clear();
    secret = null;
    say("The next token is made with a new key.");
  });
  byId("copy-token").addEventListener("click", async () => {
    await navigator.clipboard.writeText(byId("minted-token").value).then(
      () => say("Copied."),
      () => byId("minted-token").select(),
    );
  });
  fillAlgorithms();
  if (!jose.isAvailable) {
    say("Samples can be made over https or on localhost only: elsewhere browsers have no WebCrypto.", true);
    byId("mint").querySelector("[type=submit]").disabled = true;
  }
})();
