// What the client's methods reject with.

// What a code does not say by itself. `index.d.ts` says more, of each.
const MESSAGES = {
  invalid_return_to: 'returnTo must be a path on this origin',
  callback_missing: 'This address answers no sign-in',
  callback_foreign: 'This address answers no sign-in of this tab',
  not_replayable: 'The body cannot be sent again, but the token is new',
};

export class GatepassError extends Error {
  constructor(code, detail, reason, status) {
    super(`${MESSAGES[code] ?? code.replaceAll('_', ' ')}${detail ? `: ${detail}` : ''} (gatepass/API.md#${code})`);
    this.name = 'GatepassError';
    this.code = code;
    this.reason = reason || undefined;
    this.status = status || undefined;
  }
}
