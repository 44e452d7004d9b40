// Our provider goes away for a while: whoever has a good token works on, nobody is signed out, and renewing goes on when it is back.

import { connect, createServer } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';

import { setAhead } from '../support/ahead.mjs';
import { AppPage, serveApp } from '../support/app-page.mjs';
import { launchChromium } from '../support/chromium.mjs';
import { GatewayPage } from '../support/gateway-page.mjs';
import { freePorts } from '../support/ports.mjs';
import { startStack } from '../support/stack.mjs';

let browser;
beforeAll(async () => { browser = await launchChromium(); });
afterAll(() => browser?.close());

/** Where the provider is to be found by everybody: what is sent there gets to it, or is refused as if its process were gone. */
class Front {
  #sockets = new Set();
  #server;

  constructor(port) {
    this.port = port;
    this.origin = `http://localhost:${port}`;
  }

  /** @param {string} provider */
  open(provider) {
    this.#server = createServer((socket) => {
      const onward = connect(Number(new URL(provider).port), 'localhost');
      for (const end of [socket, onward]) {
        this.#sockets.add(end.on('error', () => {}).on('close', () => {
          this.#sockets.delete(end);
          socket.destroy();
          onward.destroy();
        }));
      }
      socket.pipe(onward).pipe(socket);
    });
    return new Promise((resolve, reject) => { this.#server.once('error', reject).listen(this.port, 'localhost', resolve); });
  }

  close() {
    const closed = new Promise((resolve) => { this.#server.close(resolve); });
    for (const socket of this.#sockets) socket.destroy();
    return closed;
  }
}

/** The Workers, of which the provider can be taken away. Its API judges tokens by itself, and lives through an outage. */
async function start(only) {
  const [port] = await freePorts(1);
  const front = new Front(port);
  const issuer = { GATEPASS_ISSUER: front.origin };
  const stack = await startStack({
    only, ahead: only.includes('gateway'), provider: issuer, gateway: issuer,
    api: { ...issuer, GATEPASS_VALIDATION: 'jwt', GATEPASS_OUTAGE_TOLERANCE: '300' },
  });
  await front.open(stack.provider);
  return {
    ...stack,
    issuer: front.origin,
    /** How often there were new tokens. A question without the nonce of a process that is new comes to nothing. */
    renewals: () => stack.logs().filter((line) => line.includes('"path":"/oauth/token"') && line.includes('"status":200')).length,
    async kill() {
      await front.close();
      await expect(fetch(front.origin)).rejects.toMatchObject({ cause: { code: 'ECONNREFUSED' } });
    },
    /** As a new process, with its data. */
    async revive() {
      await stack.restart();
      await front.open(stack.provider);
    },
    async stop() {
      await front.close();
      await stack.stop();
    },
  };
}

test('in a page with tokens: calls go on while they are good, and after that with new ones', async () => {
  const world = await start(['provider', 'api']);
  const site = await serveApp(world.gateway, { issuer: world.issuer, clientId: 'gatepass-demo', apis: [world.api], storage: 'local' });
  const app = await AppPage.open(browser, world.gateway);
  const protectedData = `${world.api}/api/protected`;
  const calls = (count) => app.run(([url, count]) => Promise.all(Array.from({ length: count }, () => client.fetch(url).then(({ status }) => status, ({ code }) => code))), [protectedData, count]);
  /** The page's clock alone: to the API, the token is good all the while. */
  const wait = (seconds) => app.run((seconds) => {
    const now = Date.now;
    Date.now = () => now() + seconds * 1_000;
  }, seconds);
  try {
    await app.signIn();
    expect(await calls(1)).toEqual([200]);
    await world.kill();
    for (const seconds of [10, 10, 10]) {
      expect(await calls(20)).toEqual(Array(20).fill(200));
      await wait(seconds);
    }
    // About to expire: it is renewed aside, in vain.
    await wait(250);
    expect(await calls(20)).toEqual(Array(20).fill(200));
    await expect.poll(() => app.events).toContain('refresh_failed network_error');
    // Expired: they say that it passes.
    await app.page.route(protectedData, (route) => route.fulfill({ status: 401, headers: { 'access-control-allow-origin': world.gateway } }));
    expect(await calls(20)).toEqual(Array(20).fill('network_error'));
    expect(await app.signedIn).toBe(true);
    await world.revive();
    const before = world.renewals();
    await app.page.unroute(protectedData);
    await expect.poll(async () => [await calls(20), world.renewals() - before]).toEqual([Array(20).fill(200), 1]);
    expect(await app.events).toMatch(/refreshed$/);
    expect(await app.run(() => client.user())).toMatchObject({ sub: 'demo' });
    expect(await app.events).not.toContain('signed_out');
    expect(app.errors).toEqual([]);
  } finally {
    await app.close();
    await Promise.all([site.stop(), world.stop()]);
  }
});

test('behind the gateway: the same', async () => {
  const world = await start(['provider', 'api', 'gateway']);
  const context = await browser.newContext();
  try {
    const app = await GatewayPage.open(context, world.gateway);
    await app.signIn();
    const calls = () => app.outcomes('fetch("/api/protected")', 20);
    expect(await calls()).toEqual(Array(20).fill(200));
    await world.kill();
    for (const seconds of [10, 20, 30, 270]) {
      await setAhead(world, seconds);
      expect(await calls(), `${seconds} seconds later`).toEqual(Array(20).fill(200));
    }
    await setAhead(world, 320);
    expect(await calls()).toEqual(Array(20).fill(503));
    expect(await app.signedIn).toBe(true);
    // A page that is opened now knows who is signed in.
    await app.go();
    expect(await app.run(async () => (await client.user()).sub)).toBe('demo');
    await world.revive();
    await setAhead(world, 400);
    const before = world.renewals();
    expect(await calls()).toEqual(Array(20).fill(200));
    await expect.poll(() => world.renewals() - before).toBe(1);
    expect(await app.told).toBe('signed_in');
    expect(app.errors).toEqual([]);
  } finally {
    await context.close();
    await world.stop();
  }
});
