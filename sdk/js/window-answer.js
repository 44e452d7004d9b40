// The answer to a sign-in that another window waits for: a page that opened a popup or a hidden frame.
//
// It goes over a channel that this origin alone hears, whatever became of the link between the windows:
// `Cross-Origin-Opener-Policy` cuts it. Only who began the sign-in has its verifier; to all others the code is of
// no use.

import { GatepassError } from './error.js';

export const CHANNEL = 'gatepass.answer';

/** Ends the `state` of such a sign-in. */
export const MARK = '.window';

/** How long the other window has to say that it is there, in milliseconds. */
const PATIENCE = 2_000;

/** Hands the answer over; then this window closes, so that the promise is not kept. */
export function handOver(state, { search }) {
  return new Promise((resolve, reject) => {
    const channel = new BroadcastChannel(CHANNEL);
    const patience = setTimeout(reject, PATIENCE, new GatepassError('callback_foreign'));
    channel.onmessage = ({ data }) => {
      if (data?.taken !== state) return;
      clearTimeout(patience);
      close();
    };
    channel.postMessage({ state, search });
  });
}
