// A server that is told of something, of a client or an operator: it counts what it is sent and answers as the test says.
import { createServer } from 'node:http';

/**
 * @typedef {object} Heard
 * @property {string} path
 * @property {string} type the content type
 * @property {Record<string, string>} form
 * @property {Record<string, string>} headers
 * @property {string} body
 */

export async function startReceiver() {
  const receiver = new Receiver();
  await receiver.listen();
  return receiver;
}

class Receiver {
  /** What was sent here, oldest first. @type {Heard[]} */
  heard = [];
  /** How it answers by path, in this order; 200 when there is nothing more. @type {Record<string, { status: number, location?: string }[]>} */
  answers = {};
  #held = [];
  #holds = false;
  #waiting = [];
  #server;

  async listen() {
    this.#server = createServer((request, response) => this.#receive(request, response));
    await new Promise((resolve) => { this.#server.listen(0, '127.0.0.1', resolve); });
    this.origin = `http://127.0.0.1:${this.#server.address().port}`;
  }

  /** What was sent to `path`, once it is so many times. */
  async times(count, path) {
    const found = () => this.heard.filter((heard) => heard.path === path);
    while (found().length < count) await new Promise((resolve) => { this.#waiting.push(resolve); });
    return found();
  }

  /** Answers nobody until `release`. */
  hold() {
    this.#holds = true;
  }

  release() {
    this.#holds = false;
    for (const answer of this.#held.splice(0)) answer();
  }

  stop() {
    this.release();
    this.#server.closeAllConnections();
    return new Promise((resolve) => { this.#server.close(resolve); });
  }

  #receive(request, response) {
    let body = '';
    request.on('data', (chunk) => { body += chunk; });
    request.on('end', () => {
      const { status, location } = this.answers[request.url]?.shift() ?? { status: 200 };
      const answer = () => response.writeHead(status, location ? { location } : {}).end();
      if (this.#holds) this.#held.push(answer);
      else answer();
      const { url: path, headers } = request;
      this.heard.push({ path, type: headers['content-type'], form: Object.fromEntries(new URLSearchParams(body)), headers, body });
      for (const resolve of this.#waiting.splice(0)) resolve();
    });
  }
}
