// Security events that an operator's system is told of, through a queue (Standard Webhooks 1.0).
import { createHmac, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Browser, atOnce } from '../support/oauth.mjs';
import { startReceiver } from '../support/receiver.mjs';
import { startStack } from '../support/stack.mjs';

const key = randomBytes(32);
const secret = `whsec_${key.toString('base64')}`;

let stack;
let receiver;
beforeAll(async () => {
  receiver = await startReceiver();
  stack = await startStack({
    only: ['provider'],
    queue: true,
    provider: { GATEPASS_WEBHOOK_URL: `${receiver.origin}/events`, GATEPASS_WEBHOOK_SECRET: secret, GATEPASS_REFRESH_GRACE: '0' },
  });
});
afterAll(async () => {
  await stack?.stop();
  await receiver?.stop();
});
beforeEach(() => { receiver.heard = []; });

/** Ends a grant by a replay. @returns {Promise<string>} the request's id */
async function replay() {
  const user = new Browser(stack);
  const { tokens: first } = await user.signIn();
  const second = await (await user.refresh(first.refresh_token)).json();
  await user.refresh(second.refresh_token);
  const refused = await user.refresh(first.refresh_token);
  expect((await refused.json()).gatepass_reason).toBe('replayed');
  return refused.headers.get('x-request-id');
}

describe('an operator is told', () => {
  test('of a grant that ended because of a replay, signed, and of nothing that came before', async () => {
    const request = await replay();
    const [told, ...others] = await receiver.times(1, '/events');
    expect(others).toEqual([]);
    expect(told.type).toBe('application/json');
    const { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature } = told.headers;
    const expected = createHmac('sha256', key).update(`${id}.${at}.${told.body}`).digest('base64');
    expect(signature).toBe(`v1,${expected}`);
    expect(Math.abs(Number(at) - Date.now() / 1000)).toBeLessThan(60);
    const event = JSON.parse(told.body);
    expect(event).toEqual({
      type: 'gatepass.grant_ended',
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      data: expect.objectContaining({ id, event: 'grant_ended', reason: 'replayed', request_id: request }),
    });
    expect(Date.parse(event.timestamp) / 1000).toBe(event.data.at);
  });

  test('again until it hears it, under the same id', async () => {
    receiver.answers['/events'] = [{ status: 503 }, { status: 302, location: '/elsewhere' }];
    await replay();
    const told = await receiver.times(3, '/events');
    expect(new Set(told.map(({ headers }) => headers['webhook-id']))).toHaveProperty('size', 1);
    expect(receiver.heard.filter(({ path }) => path === '/elsewhere')).toEqual([]);
    const failed = stack.logs().filter((line) => line.includes('webhook_failed'));
    expect(failed).toEqual([expect.stringContaining('status 503'), expect.stringContaining('status 302')]);
  }, 30_000);

  test('once of what many requests would have done', async () => {
    const user = new Browser(stack);
    const { tokens: first } = await user.signIn();
    const second = await (await user.refresh(first.refresh_token)).json();
    await user.refresh(second.refresh_token);
    await atOnce(5, () => user.refresh(first.refresh_token));
    // The next event: the queue keeps their order.
    const request = await replay();
    const told = await receiver.times(2, '/events');
    expect(told.map(({ body }) => JSON.parse(body).data.request_id)).toEqual([expect.any(String), request]);
  });
});

describe('the provider refuses to start', () => {
  test.each([
    ['without a queue', { queue: false }, 'SECURITY_EVENTS'],
    ['without the secret', { GATEPASS_WEBHOOK_SECRET: undefined }, 'GATEPASS_WEBHOOK_SECRET'],
    ['with a secret of another form', { GATEPASS_WEBHOOK_SECRET: key.toString('base64') }, 'GATEPASS_WEBHOOK_SECRET'],
    ['with an event that is none', { GATEPASS_WEBHOOK_EVENTS: 'grant_ended grants' }, 'GATEPASS_WEBHOOK_EVENTS'],
    ['with an address that anybody on the way reads', { GATEPASS_ENV: 'production' }, 'GATEPASS_WEBHOOK_URL'],
  ])('%s, and the log names it', async (_, { queue = true, ...changed }, name) => {
    const variables = { GATEPASS_WEBHOOK_URL: 'http://127.0.0.1:9/events', GATEPASS_WEBHOOK_SECRET: secret, ...changed };
    const other = await startStack({ only: ['provider'], healthy: false, queue, provider: variables });
    try {
      expect((await fetch(`${other.provider}/health`)).status).toBe(500);
      expect(other.logs().join('\n')).toContain(name);
    } finally {
      await other.stop();
    }
  });
});
