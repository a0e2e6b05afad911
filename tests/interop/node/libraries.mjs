// Signs, verifies, encrypts and decrypts with the npm libraries: one job (JSON) a line comes in, one answer a line goes out.
// A job: {library, act, alg, enc, kid, key, text}, `key` being a JWK, or {library: "jose", act: "verify_remote", …}.
// `publish` makes a key, signs the text with it and answers with both, as JSON: {keys, token}.

import { createPrivateKey, createPublicKey, createSecretKey } from 'node:crypto';
import { createInterface } from 'node:readline';
import * as jose from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import nodeJose from 'node-jose';

const bytes = (text) => new TextEncoder().encode(text);
const string = (octets) => new TextDecoder().decode(octets);

const withJose = {
  async sign({ alg, kid, key, text }) {
    const signing = new jose.SignJWT(JSON.parse(text)).setProtectedHeader({ alg, kid });
    return signing.sign(await jose.importJWK(key, alg));
  },
  async verify({ alg, key, text }) {
    const { payload } = await jose.jwtVerify(text, await jose.importJWK(key, alg), { algorithms: [alg] });
    return JSON.stringify(payload);
  },
  async publish({ alg, kid, text }) {
    const { privateKey, publicKey } = await jose.generateKeyPair(alg);
    const token = await new jose.SignJWT(JSON.parse(text)).setProtectedHeader({ alg, kid }).sign(privateKey);
    return JSON.stringify({ keys: [{ ...await jose.exportJWK(publicKey), kid, alg, use: 'sig' }], token });
  },
  async verify_remote({ alg, url, issuer, audience, typ, text }) {
    const keys = jose.createRemoteJWKSet(new URL(url));
    const { payload } = await jose.jwtVerify(text, keys, { algorithms: [alg], issuer, audience, typ });
    return JSON.stringify(payload);
  },
  async encrypt({ alg, enc, kid, key, text }) {
    const encrypting = new jose.CompactEncrypt(bytes(text)).setProtectedHeader({ alg, enc, kid, cty: 'JWT' });
    return encrypting.encrypt(await jose.importJWK(key, alg));
  },
  async decrypt({ alg, enc, key, text }) {
    const allowed = { keyManagementAlgorithms: [alg], contentEncryptionAlgorithms: [enc] };
    const { plaintext } = await jose.compactDecrypt(text, await jose.importJWK(key, alg === 'dir' ? enc : alg), allowed);
    return string(plaintext);
  },
};

const keyObject = (key) => {
  if (key.kty === 'oct') return createSecretKey(Buffer.from(key.k, 'base64url'));
  return key.d === undefined ? createPublicKey({ key, format: 'jwk' }) : createPrivateKey({ key, format: 'jwk' });
};

const withJsonwebtoken = {
  sign: ({ alg, kid, key, text }) =>
    jsonwebtoken.sign(JSON.parse(text), keyObject(key), { algorithm: alg, keyid: kid, noTimestamp: true }),
  verify: ({ alg, key, text }) => JSON.stringify(jsonwebtoken.verify(text, keyObject(key), { algorithms: [alg] })),
};

const curves = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

const withNodeJose = {
  async sign({ alg, kid, key, text }) {
    const own = await nodeJose.JWK.asKey({ ...key, kid });
    return nodeJose.JWS.createSign({ format: 'compact', fields: { alg } }, { key: own, alg }).update(text).final();
  },
  async publish({ alg, kid, text }) {
    const store = nodeJose.JWK.createKeyStore();
    const [kty, size] = alg.startsWith('ES') ? ['EC', curves[alg]] : ['RSA', 2048];
    const key = await store.generate(kty, size, { kid, alg, use: 'sig' });
    const token = await nodeJose.JWS.createSign({ format: 'compact' }, key).update(text).final();
    return JSON.stringify({ ...store.toJSON(), token });
  },
  async verify({ alg, key, text }) {
    const verifier = nodeJose.JWS.createVerify(await nodeJose.JWK.asKey(key), { algorithms: [alg] });
    return string((await verifier.verify(text)).payload);
  },
  async encrypt({ alg, enc, kid, key, text }) {
    const options = { format: 'compact', contentAlg: enc, fields: { alg, cty: 'JWT', kid } };
    const own = alg === 'dir' ? { ...key, alg: enc } : key; // of a direct key, it takes the encoding from there alone
    return nodeJose.JWE.createEncrypt(options, await nodeJose.JWK.asKey(own)).update(text).final();
  },
  async decrypt({ alg, enc, key, text }) {
    const decrypter = nodeJose.JWE.createDecrypt(await nodeJose.JWK.asKey(key), { algorithms: [alg, enc] });
    return string((await decrypter.decrypt(text)).plaintext);
  },
};

const libraries = { jose: withJose, jsonwebtoken: withJsonwebtoken, 'node-jose': withNodeJose };

for await (const line of createInterface({ input: process.stdin })) {
  const job = JSON.parse(line);
  let answer;
  try {
    answer = { text: await libraries[job.library][job.act](job) };
  } catch (error) {
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
