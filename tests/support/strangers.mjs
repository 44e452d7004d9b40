// Clients of somebody else, and what a user does on the consent page that they meet.

/**
 * Registers a public client (RFC 7591).
 *
 * @param {import('./stack.mjs').Stack} stack
 */
export async function stranger(stack, metadata = {}) {
  const response = await fetch(`${stack.provider}/oauth/register`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      client_name: 'Notes',
      redirect_uris: ['https://notes.example/cb'],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
      ...metadata,
    }),
  });
  if (response.status !== 201) throw new Error(await response.text());
  const { client_id: id, redirect_uris: [redirectUri], ...rest } = await response.json();
  return { id, redirectUri, ...rest };
}

/** The consent page at `location`, with what its form would send. */
export async function openConsent(browser, location) {
  const response = await browser.request('GET', location);
  return { response, ...readConsent(await response.text()) };
}

/** What a consent page shows. @param {string} html */
export function readConsent(html) {
  const boxes = [...html.matchAll(/<input type="checkbox" name="scope:([^"]+)" value="1"( checked)?( disabled)?>/g)];
  return {
    html,
    stateToken: /name="state_token" value="([^"]+)"/.exec(html)?.[1],
    scopes: boxes.map(([, scope]) => scope),
    ticked: boxes.filter(([, , checked]) => checked).map(([, scope]) => scope),
    fixed: boxes.filter(([, , , disabled]) => disabled).map(([, scope]) => scope),
  };
}

/** Answers a consent page. @param {{ stateToken: string }} page @param {string[]} allowed the scopes that are ticked */
export function answerConsent(browser, { stateToken }, allowed, { decision = 'allow', headers = {} } = {}) {
  const form = { state_token: stateToken, decision, ...Object.fromEntries(allowed.map((scope) => [`scope:${scope}`, '1'])) };
  return browser.request('POST', '/consent', { form, headers });
}
