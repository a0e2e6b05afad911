// An OpenID provider that signs by the keys of a file and reads it again on SIGHUP: an operator's rotation.
// Its access tokens for client credentials are JWTs (RFC 9068) for one campaign.
// Arguments: the module oidc-provider, the file of its private JWK Set, the port, the campaign, the client's secret.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

const [module, keysFile, port, campaignId, clientSecret] = process.argv.slice(2);
const { Provider } = await import(module);
const issuer = `http://127.0.0.1:${port}`;
const audience = 'urn:campaigns';

function serving() {
  const provider = new Provider(issuer, {
    jwks: JSON.parse(readFileSync(keysFile, 'utf8')),
    clients: [{
      client_id: 'brand',
      client_secret: clientSecret,
      grant_types: ['client_credentials'],
      redirect_uris: [],
      response_types: [],
    }],
    extraTokenClaims: () => ({ campaignId }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => audience,
        getResourceServerInfo: () => ({
          audience,
          scope: '',
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'RS256' } },
        }),
      },
    },
  });
  return provider.callback();
}

let answer = serving();
process.on('SIGHUP', () => { answer = serving(); });
createServer((request, response) => answer(request, response)).listen(Number(port), '127.0.0.1');
