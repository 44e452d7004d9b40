// A user in front of a gateway: a cookie jar for each origin, redirects followed, sign-in pages filled in.

const limit = 15;

export class GatewayUser {
  #jars = new Map();

  /** @param {{ gateway: string }} stack @param {{ username?: string, password?: string }} [who] */
  constructor(stack, { username = 'demo', password = 'demo-password' } = {}) {
    this.gateway = stack.gateway;
    this.credentials = { username, password };
  }

  /** The cookies of an origin, by name. */
  jar(origin = this.gateway) {
    if (!this.#jars.has(origin)) this.#jars.set(origin, new Map());
    return this.#jars.get(origin);
  }

  get session() {
    return this.jar().get('__Host-gatepass_session');
  }

  /** One request with the cookies of where it goes; follows no redirect. */
  async request(url, { headers = {}, ...init } = {}) {
    const target = new URL(url, this.gateway);
    const jar = this.jar(target.origin);
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
    const response = await fetch(target, { redirect: 'manual', ...init, headers: { ...(cookie && { cookie }), ...headers } });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      if (value && !/max-age=0/i.test(line)) jar.set(name, value);
      else jar.delete(name);
    }
    return response;
  }

  /** A request as a page of the gateway makes it. */
  call(path, { headers = {}, ...init } = {}) {
    const own = { 'x-gatepass-csrf': '1', origin: this.gateway, 'sec-fetch-site': 'same-origin' };
    return this.request(path, { ...init, headers: { ...own, ...headers } });
  }

  async get(path, init) {
    return (await this.call(path, init)).json();
  }

  post(path, init) {
    return this.call(path, { method: 'POST', ...init });
  }

  /** Goes where an address leads, through sign-in pages, to the first page that is none; or to the callback and no further. */
  async follow(url, { stopAt } = {}) {
    let next = new URL(url, this.gateway).href;
    for (let step = 0; step < limit; step += 1) {
      if (stopAt && next.startsWith(stopAt)) return { url: next };
      let response = await this.request(next);
      if (response.status === 200 && response.headers.get('content-type')?.startsWith('text/html')) {
        const html = await response.text();
        const token = /name="state_token" value="([^"]+)"/.exec(html)?.[1];
        if (!token) return { url: next, response, html };
        const body = new URLSearchParams({ state_token: token, ...this.credentials });
        response = await this.request(new URL('/login', next), { method: 'POST', body });
      }
      const location = response.headers.get('location');
      if (!location) return { url: next, response, html: await response.text() };
      next = new URL(location, next).href;
    }
    throw new Error(`more than ${limit} redirects`);
  }

  /** Signs in, and says where the gateway led in the end. */
  async signIn(parameters = {}) {
    const end = await this.follow(`/login?${new URLSearchParams(parameters)}`);
    const onward = /http-equiv="refresh" content="0;url=([^"]*)"/.exec(end.html)?.[1];
    if (end.response.status !== 200 || onward === undefined) {
      throw new Error(`the sign-in ends at ${end.url} with ${end.response.status}: ${end.html}`);
    }
    return { ...end, onward: onward.replaceAll('&amp;', '&') };
  }

  /** The address of the callback with the provider's answer, not opened yet. */
  async untilCallback(parameters = {}) {
    const { url } = await this.follow(`/login?${new URLSearchParams(parameters)}`, { stopAt: `${this.gateway}/login/oauth2/code/` });
    return url;
  }
}
