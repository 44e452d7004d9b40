// WebSockets through the gateway.

import { createServer } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';

import { setAhead } from '../support/ahead.mjs';
import { GatewayUser } from '../support/gateway-user.mjs';
import { startIdentityProvider } from '../support/identity-provider.mjs';
import { startStack } from '../support/stack.mjs';

describe.each(['object', 'cookie'])('with sessions in %s, a WebSocket', (storage) => {
  let stack;
  let provider;
  let user;
  let server;
  /** What came to the API, with its answers to come, which are open then. */
  const seen = [];
  let refusals = [];
  beforeAll(async () => {
    stack = await startStack({ only: ['gateway'], ahead: true, gateway: { GATEPASS_SESSION: storage, GATEPASS_RELAY_TIMEOUT: '2' } });
    provider = await startIdentityProvider(stack);
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => offered.has('second') && 'second' });
    server = createServer((request, response) => response.end());
    server.on('upgrade', (request, socket, head) => {
      const end = { token: request.headers.authorization, headers: request.headers };
      seen.push(end);
      const refusal = refusals.shift();
      if (refusal) return socket.end(`HTTP/1.1 ${refusal}\r\nContent-Length: 4\r\nConnection: close\r\n\r\nno. `);
      sockets.handleUpgrade(request, socket, head, (open) => {
        Object.assign(end, { socket: open, events: listened(open) });
        open.on('message', (data, binary) => open.send(data, { binary }));
      });
    });
    await new Promise((resolve) => { server.listen(Number(new URL(stack.api).port), 'localhost', resolve); });
    user = new GatewayUser(stack);
    await user.signIn();
  });
  afterAll(async () => {
    for (const { socket } of seen) socket?.terminate();
    await stack?.stop();
    await provider?.stop();
    server?.close();
  });
  afterEach(() => setAhead(stack, 0));

  function listened(socket) {
    const events = [];
    socket.on('close', (code, reason) => events.push([code, String(reason)])).on('ping', () => events.push('ping')).on('pong', () => events.push('pong')).on('error', () => {});
    return events;
  }

  /** Opens one as a page does; what the API did instead, if it did not. @returns {Promise<{ socket?: WebSocket, events: any[], api: object, status?: number, body?: string }>} */
  function open(protocols = [], { headers = {}, as = user } = {}) {
    const cookie = [...as.jar()].map(([name, value]) => `${name}=${value}`).join('; ');
    const socket = new WebSocket(`${stack.gateway.replace('http', 'ws')}/api/socket`, protocols, { headers: { origin: stack.gateway, cookie, ...headers } });
    const [events, messages] = [listened(socket), []];
    socket.on('message', (data, binary) => messages.push({ data, binary }));
    return new Promise((resolve, reject) => {
      const end = () => ({ events, messages, api: seen.at(-1) });
      socket.on('open', () => resolve({ socket, ...end() })).on('error', reject);
      socket.on('upgrade', ({ headers: { 'set-cookie': cookies = [] } }) => {
        for (const line of cookies) {
          const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
          if (value) as.jar().set(name, value); else as.jar().delete(name);
        }
      });
      socket.on('unexpected-response', (_, response) => {
        let body = '';
        response.on('data', (chunk) => { body += chunk; }).on('end', () => resolve({ status: response.statusCode, body, ...end() }));
      });
    });
  }

  test.each([[1000, 'done'], [1001, ''], [3000, 'x'], [4000, 'a reason: é'], [undefined, undefined]])('that either side closes with %s %j is closed so for the other', async (...closing) => {
    const heard = closing[0] ? closing : [1005, ''];
    for (const side of [(end) => end.socket, (end) => end.api.socket]) {
      const end = await open();
      side(end).close(...closing);
      await expect.poll(() => [end.events, end.api.events]).toEqual([[heard], [heard]]);
    }
  });

  test('of which either side is gone is broken for the other', async () => {
    for (const side of [(end) => end.socket, (end) => end.api.socket]) {
      const end = await open();
      side(end).terminate();
      await expect.poll(() => [end.events, end.api.events]).toEqual([[[1006, '']], [[1006, '']]]);
    }
  });

  test('passes text, bytes, what is empty or large, pings and their answers', async () => {
    const end = await open();
    const sent = ['text é', '', Buffer.alloc(0), Buffer.from([0, 255, 10, 13]), Buffer.alloc(1_000_000, 'ab'), 'y'.repeat(1_000_000)];
    for (const message of sent) end.socket.send(message);
    await expect.poll(() => end.messages.length).toBe(sent.length);
    for (const [index, { data, binary }] of end.messages.entries()) {
      expect(binary).toBe(Buffer.isBuffer(sent[index]));
      expect(data.equals(Buffer.from(sent[index]))).toBe(true);
    }
    end.socket.ping();
    await expect.poll(() => [end.events, end.api.events]).toEqual([['pong'], ['ping']]);
    end.api.socket.ping();
    await expect.poll(() => [end.events, end.api.events]).toEqual([['pong', 'ping'], ['ping', 'pong']]);
    end.socket.terminate();
  });

  test('has the protocol that the API chooses, and sends it no cookie', async () => {
    const end = await open(['first', 'second']);
    expect([end.socket.protocol, end.api.headers['sec-websocket-protocol'].split(/, ?/)]).toEqual(['second', ['first', 'second']]);
    for (const name of ['cookie', 'origin', 'sec-fetch-site']) expect(end.api.headers[name]).toBeUndefined();
    end.socket.terminate();
    // A page that gets none of those that it has offered closes by itself.
    await expect(open(['first'])).rejects.toThrow('Server sent no subprotocol');
  });

  test.each(['403 Forbidden', '404 Not Found', '200 OK', '426 Upgrade Required', '500 Broken'])('that the API answers %s is answered so, once', async (refusal) => {
    const [asked, renewed] = [seen.length, provider.count('POST /token')];
    refusals = [refusal];
    const { status, body } = await open();
    expect([status, body, seen.length - asked, provider.count('POST /token') - renewed]).toEqual([Number(refusal.slice(0, 3)), 'no. ', 1, 0]);
  });

  test.each(['101 Switching', '101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: wrong'])('that the API opens in no way that it can be opened is refused (%#)', async (refusal) => {
    refusals = [refusal];
    expect((await open()).status).toBe(502);
  });

  test('whose token has expired, or that the API answers 401, is opened with a new one', async () => {
    const own = new GatewayUser(stack);
    await own.signIn();
    const first = await open([], { as: own });
    await setAhead(stack, 400);
    const renewed = provider.count('POST /token');
    const second = await open([], { as: own });
    expect(second.api.token).not.toBe(first.api.token);
    expect(provider.count('POST /token')).toBe(renewed + 1);
    refusals = ['401 Unauthorized'];
    const third = await open([], { as: own });
    expect(third.api.token).not.toBe(second.api.token);
    expect(provider.count('POST /token')).toBe(renewed + 2);
    // What the browser was given on the way is good.
    expect((await own.call('/api/x')).status).toBe(200);
    for (const { socket } of [first, second, third]) socket.terminate();
  });

  test.each([
    ['another site’s', { origin: 'https://evil.example' }],
    ['a page’s that does not say where it is', { origin: 'null', 'sec-fetch-site': 'same-origin' }],
    ['a sibling’s', { 'sec-fetch-site': 'same-site' }],
  ])('of %s reaches no API', async (_, headers) => {
    const asked = seen.length;
    const { status, body } = await open([], { headers });
    expect([status, JSON.parse(body).code, seen.length]).toEqual([403, 'forged', asked]);
  });

  test('stays open when its user signs out, for its two ends to close, and is not opened again', async () => {
    const own = new GatewayUser(stack);
    await own.signIn();
    const end = await open([], { as: own });
    const signedIn = new Map(own.jar());
    expect((await own.post('/logout')).status).toBe(200);
    end.socket.send('still here');
    await expect.poll(() => end.messages.map(({ data }) => String(data))).toEqual(['still here']);
    const asked = seen.length;
    const { status, body } = await open([], { as: own });
    expect([status, JSON.parse(body).code]).toEqual([401, 'not_signed_in']);
    if (storage === 'object') {
      // Nor with a cookie that was copied before.
      for (const [name, value] of signedIn) own.jar().set(name, value);
      expect((await open([], { as: own })).status).toBe(401);
    }
    expect(seen.length).toBe(asked);
    end.socket.terminate();
  });
});
