// An API behind a gateway: it tells what it was sent, and answers as the test says.

import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

/** @param {string} origin where the gateway expects it */
export async function startUpstream(origin) {
  const upstream = new Upstream();
  await upstream.listen(Number(new URL(origin).port));
  return upstream;
}

class Upstream {
  /** What came, oldest first. @type {{ method: string, url: string, headers: Record<string, string>, body: string }[]} */
  seen = [];
  /** Answers by path: what is called with request, body and response. */
  answers = {};
  /** Whether a token is let in. @type {(token: string) => boolean} */
  accepts = () => true;
  /** The headers of a 401, if a request is to get one. @type {(request: object) => object | undefined} */
  refuses = () => undefined;
  #server;
  #sockets = [];

  listen(port) {
    this.#server = createServer((request, response) => {
      const path = request.url.split('?')[0];
      const chunks = [];
      const answer = this.answers[path];
      if (answer?.streams) {
        answer(request, response);
        return;
      }
      request.on('error', () => {}).on('data', (chunk) => chunks.push(chunk)).on('end', () => {
        const body = Buffer.concat(chunks).toString();
        const { method, url, headers } = request;
        this.seen.push({ method, url, headers, body });
        const token = /^(?:Bearer|DPoP) (.*)$/.exec(headers.authorization ?? '')?.[1];
        const refusal = this.refuses(request);
        if (refusal) {
          response.writeHead(401, refusal).end('refused');
        } else if (!token || !this.accepts(token)) {
          response.writeHead(401, { 'www-authenticate': 'Bearer error="invalid_token"' }).end('refused');
        } else if (answer) {
          answer(request, response, body);
        } else {
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ method, url, body }));
        }
      });
    });
    this.#server.on('upgrade', (request, socket) => {
      this.#sockets.push(socket);
      const { headers, url, method } = request;
      this.seen.push({ method, url, headers, body: '' });
      const accept = createHash('sha1').update(`${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
      socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
      const text = Buffer.from('hello');
      socket.write(Buffer.concat([Buffer.from([0x81, text.length]), text]));
      socket.on('error', () => {});
    });
    // A connection that is closed just when the next request goes is a failure of the network, and no test of ours.
    this.#server.keepAliveTimeout = 60_000;
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject).listen(port, 'localhost', resolve);
    });
  }

  stop() {
    this.#server.closeAllConnections();
    for (const socket of this.#sockets.splice(0)) socket.destroy();
    return new Promise((resolve) => { this.#server.close(resolve); });
  }
}
