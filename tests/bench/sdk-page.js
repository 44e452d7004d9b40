// What sdk.mjs measures, in the page.

import { createClient } from '/gatepass/index.js';

globalThis.measure = async ({ batches, calls }) => {
  const issuer = 'https://id.example';
  const api = 'https://api.example/data';
  const documents = {
    '/token': { access_token: 'an-access-token', refresh_token: 'a-refresh-token', token_type: 'Bearer', expires_in: 3600 },
    '/.well-known/openid-configuration': { issuer, authorization_endpoint: `${issuer}/authorize`, token_endpoint: `${issuer}/token` },
  };
  const answer = async (request) => (request.url === api ? new Response() : Response.json(documents[new URL(request.url).pathname]));
  let left;
  const client = createClient({
    issuer, clientId: 'app', redirectUri: `${location.origin}/callback`, scope: 'read', apis: [new URL(api).origin],
    fetch: answer, navigate: (url) => { left = new URL(url); },
  });
  await client.login();
  await client.handleCallback(`${location.origin}/callback?code=c&state=${left.searchParams.get('state')}`);

  const time = async (call) => {
    const begun = performance.now();
    for (let i = 0; i < calls; i++) await call();
    return (performance.now() - begun) / calls * 1000;
  };
  const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
  const found = { plain: [], client: [], overhead: [] };
  for (let batch = -10; batch < batches; batch++) {
    const plain = await time(() => answer(new Request(api)));
    const withToken = await time(() => client.fetch(api));
    // The first ones are for the compiler.
    if (batch < 0) continue;
    found.plain.push(plain);
    found.client.push(withToken);
    found.overhead.push(withToken - plain);
  }
  return { plain: median(found.plain), client: median(found.client), overhead: median(found.overhead) };
};
