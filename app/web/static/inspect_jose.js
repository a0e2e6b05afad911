// Makes keys and tokens with WebCrypto: JWS (RFC 7515) and nested JWE (RFC 7516, 7518). No key leaves this page.
"use strict";

(() => {
  const subtle = window.crypto.subtle; // undefined where the page came over plain http from afar
  const text = new TextEncoder();
  const rsa = (name, bits) => ({
    make: { name, modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: `SHA-${bits}` },
    use: { name, saltLength: bits / 8 },
  });
  const ecdsa = (namedCurve, bits) => ({
    make: { name: "ECDSA", namedCurve },
    use: { name: "ECDSA", hash: `SHA-${bits}` },
  });
  const hmac = (bits) => ({ make: { name: "HMAC", hash: `SHA-${bits}`, length: bits }, use: { name: "HMAC" } });
  const ED25519 = { make: { name: "Ed25519" }, use: { name: "Ed25519" } };
  const ALGORITHMS = {
    RS256: rsa("RSASSA-PKCS1-v1_5", 256), RS384: rsa("RSASSA-PKCS1-v1_5", 384), RS512: rsa("RSASSA-PKCS1-v1_5", 512),
    PS256: rsa("RSA-PSS", 256), PS384: rsa("RSA-PSS", 384), PS512: rsa("RSA-PSS", 512),
    ES256: ecdsa("P-256", 256), ES384: ecdsa("P-384", 384), ES512: ecdsa("P-521", 512),
    EdDSA: ED25519, Ed25519: ED25519, // its new name, RFC 9864
    HS256: hmac(256), HS384: hmac(384), HS512: hmac(512),
  };
  const THUMBPRINT_MEMBERS = { RSA: ["e", "kty", "n"], EC: ["crv", "kty", "x", "y"], OKP: ["crv", "kty", "x"] };
  const PUBLIC_MEMBERS = ["kty", "crv", "n", "e", "x", "y"];
  const ENC = "A256GCM";
  const KEY_BITS = 256;

  const random = (size) => window.crypto.getRandomValues(new Uint8Array(size));

  const base64url = (octets) =>
    btoa(Array.from(new Uint8Array(octets), (octet) => String.fromCharCode(octet)).join(""))
      .replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");

  const encoded = (object) => base64url(text.encode(JSON.stringify(object)));

  const joined = (...parts) => {
    const whole = new Uint8Array(parts.reduce((size, part) => size + part.length, 0));
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  };

  const uint32 = (number) => new Uint8Array([number >>> 24, (number >>> 16) & 255, (number >>> 8) & 255, number & 255]);

  // RFC 7638: a kid that says nothing but which key it is.
  const thumbprint = async (jwk) => {
    const members = Object.fromEntries(THUMBPRINT_MEMBERS[jwk.kty].map((name) => [name, jwk[name]]));
    return base64url(await subtle.digest("SHA-256", text.encode(JSON.stringify(members))));
  };

  const makeKey = async (alg) => {
    const { make } = ALGORITHMS[alg];
    if (make.name === "HMAC") {
      const key = await subtle.generateKey(make, true, ["sign"]);
      return { alg, signing: key, secret: base64url(await subtle.exportKey("raw", key)) };
    }
    const pair = await subtle.generateKey(make, false, ["sign", "verify"]); // the private half cannot be exported
    const exported = await subtle.exportKey("jwk", pair.publicKey);
    const jwk = Object.fromEntries(PUBLIC_MEMBERS.filter((name) => exported[name]).map((name) => [name, exported[name]]));
    return { alg, signing: pair.privateKey, jwk: { ...jwk, kid: await thumbprint(jwk), use: "sig", alg } };
  };

  const sign = async (claims, key) => {
    const header = { typ: "JWT", ...(key.jwk ? { kid: key.jwk.kid } : {}), alg: key.alg };
    const input = `${encoded(header)}.${encoded(claims)}`;
    const signature = await subtle.sign(ALGORITHMS[key.alg].use, key.signing, text.encode(input));
    return `${input}.${base64url(signature)}`;
  };

  const sealed = async (plaintext, header, contentKey, encryptedKey) => {
    const protectedHeader = encoded(header);
    const iv = random(12);
    const key = await subtle.importKey("raw", contentKey, "AES-GCM", false, ["encrypt"]);
    const options = { name: "AES-GCM", iv, additionalData: text.encode(protectedHeader), tagLength: 128 };
    const both = new Uint8Array(await subtle.encrypt(options, key, text.encode(plaintext)));
    const parts = [encryptedKey, iv, both.slice(0, -16), both.slice(-16)].map((part) => base64url(part));
    return [protectedHeader, ...parts].join(".");
  };

  const makeSecret = () => {
    const octets = random(KEY_BITS / 8);
    return { octets, secret: base64url(octets) };
  };

  const encryptWithSecret = (jws, { octets }) =>
    sealed(jws, { alg: "dir", enc: ENC, cty: "JWT" }, octets, new Uint8Array());

  // Concat KDF (NIST SP 800-56A, RFC 7518 section 4.6.2), one round: 256 bits are asked for.
  const concatKdf = async (shared, name) => {
    const id = text.encode(name);
    const info = joined(uint32(id.length), id, uint32(0), uint32(0), uint32(KEY_BITS));
    return new Uint8Array(await subtle.digest("SHA-256", joined(uint32(1), new Uint8Array(shared), info)));
  };

  const agree = async (jwk, name) => {
    const curve = { name: "ECDH", namedCurve: "P-256" };
    const { kty, crv, x, y } = jwk;
    const theirs = await subtle.importKey("jwk", { kty, crv, x, y }, curve, false, []);
    const ours = await subtle.generateKey(curve, false, ["deriveBits"]);
    const shared = await subtle.deriveBits({ name: "ECDH", public: theirs }, ours.privateKey, KEY_BITS);
    const point = await subtle.exportKey("jwk", ours.publicKey);
    return [await concatKdf(shared, name), { kty: point.kty, crv: point.crv, x: point.x, y: point.y }];
  };

  const encryptForKey = async (jws, jwk) => {
    const header = { alg: jwk.alg, enc: ENC, cty: "JWT", kid: jwk.kid };
    const contentKey = random(KEY_BITS / 8);
    if (jwk.alg === "RSA-OAEP-256") {
      const algorithm = { name: "RSA-OAEP", hash: "SHA-256" };
      const key = await subtle.importKey("jwk", { kty: jwk.kty, n: jwk.n, e: jwk.e }, algorithm, false, ["encrypt"]);
      return sealed(jws, header, contentKey, new Uint8Array(await subtle.encrypt(algorithm, key, contentKey)));
    }
    const isDirect = jwk.alg === "ECDH-ES";
    const [agreed, epk] = await agree(jwk, isDirect ? ENC : jwk.alg);
    if (isDirect) return sealed(jws, { ...header, epk }, agreed, new Uint8Array());
    const wrapping = await subtle.importKey("raw", agreed, "AES-KW", false, ["wrapKey"]);
    const content = await subtle.importKey("raw", contentKey, "AES-GCM", true, ["encrypt"]);
    return sealed(jws, { ...header, epk }, contentKey, new Uint8Array(await subtle.wrapKey("raw", content, wrapping, "AES-KW")));
  };

  Object.assign(window.inspector, {
    jose: {
      isAvailable: Boolean(subtle),
      algorithms: Object.keys(ALGORITHMS),
      makeKey,
      sign,
      makeSecret,
      encryptWithSecret,
      encryptForKey,
    },
  });
})();
