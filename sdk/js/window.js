// Signing in without leaving the page: in a popup, or silently in a hidden frame. Each is a value for the
// option `via` of `login`, and stays out of the bundle of who does not import it.
//
// The other window ends on the page of the `redirectUri`, whose `handleCallback` hands the answer over
// (window-answer.js). What the request needs is remembered here, in memory: nowhere else is it of use.

import { GatepassError } from './error.js';
import { completeSignIn, prepareRequest } from './sign-in.js';
import { CHANNEL, MARK } from './window-answer.js';

const POPUP_TIMEOUT = 600_000;
const SILENT_TIMEOUT = 10_000;

/** The longest that a timer can wait, in milliseconds; it takes more for none. */
const LONGEST = 2 ** 31 - 1;

/** How long an opened popup waits for `login`, in milliseconds: a client that does not start never asks for it. */
const UNUSED_TIMEOUT = 30_000;

/** How often a popup is looked at, in milliseconds. */
const LOOK = 250;

/** A popup, opened at once: a browser blocks one that is opened later than the click that asks for it. */
export function popup({ features = 'popup,width=480,height=640', timeout = POPUP_TIMEOUT, signal } = {}, wishes) {
  mustBeCalled(wishes, 'popup()');
  const opened = open('', '', features);
  const unused = setTimeout(() => opened?.close(), UNUSED_TIMEOUT);
  return async (client, wishes) => {
    clearTimeout(unused);
    if (!opened) throw new GatepassError('popup_blocked');
    const stop = () => opened.close();
    const show = (url, fail) => {
      opened.location.replace(url);
      return watch(opened, fail);
    };
    return through(client, wishes, { show, stop, timeout, signal });
  };
}

/** A hidden frame: signs in who is signed in at the provider, and asks nobody. */
export function silent({ timeout = SILENT_TIMEOUT, signal } = {}, wishes) {
  mustBeCalled(wishes, 'silent()');
  return async (client, wishes) => {
    const frame = document.createElement('iframe');
    frame.hidden = true;
    const stop = () => frame.remove();
    const show = (url) => {
      frame.src = url;
      document.body.append(frame);
    };
    return through(client, { ...wishes, prompt: 'none' }, { show, stop, timeout, signal });
  };
}

/** `via: popup` is a mistake for `via: popup()`; then it is `login` that calls it, with the wishes. */
function mustBeCalled(wishes, call) {
  if (wishes) throw new GatepassError('invalid_options', `via: ${call}`);
}

/** A sign-in through the window that `show` shows, until there is an answer or it is given up. */
async function through(client, wishes, { show, stop, timeout, signal }) {
  const channel = new BroadcastChannel(CHANNEL);
  let unwatch;
  let timer;
  try {
    const { state, record, url } = await prepareRequest(client, wishes, MARK);
    const query = await new Promise((resolve, reject) => {
      const fail = (code) => reject(new GatepassError(code));
      signal?.throwIfAborted();
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      timer = setTimeout(fail, Math.min(timeout, LONGEST), 'timeout');
      channel.onmessage = ({ data }) => {
        if (data?.state !== state) return;
        channel.postMessage({ taken: state });
        resolve(data.search);
      };
      unwatch = show(url, fail);
    });
    return await completeSignIn(client, query, record);
  } finally {
    unwatch?.();
    clearTimeout(timer);
    channel.close();
    stop();
  }
}

/**
 * Sees when the user closes a popup. One whose page has cut the link to us (`Cross-Origin-Opener-Policy`) looks
 * closed, too; but when a user closes one, this page gets the focus back.
 */
function watch(opened, fail) {
  let seen = 0;
  const timer = setInterval(() => {
    if (!opened.closed || ++seen < 3) return;
    clearInterval(timer);
    if (document.hasFocus()) fail('popup_closed');
  }, LOOK);
  return () => clearInterval(timer);
}
