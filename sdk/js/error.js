// What the client's methods reject with.

// What a code does not say by itself.
const MESSAGES = {
  invalid_return_to: 'returnTo must be a path on this origin',
  discovery_failed: 'The discovery document names another issuer or an endpoint without https',
  storage_unavailable: 'sessionStorage is missing, full, or refuses',
  callback_missing: 'The address holds no answer to a sign-in',
  callback_used: 'The answer was used before',
  callback_foreign: 'The answer belongs to no sign-in of this tab',
  issuer_mismatch: 'The answer is not from the issuer that was asked',
  invalid_id_token: 'The ID token is not for this client and sign-in',
  not_refreshable: 'The provider gave no refresh token',
};

export class GatepassError extends Error {
  constructor(code, detail, reason, status) {
    super((MESSAGES[code] ?? code.replaceAll('_', ' ')) + (detail ? `: ${detail}` : ''));
    this.name = 'GatepassError';
    this.code = code;
    this.reason = reason || undefined;
    this.status = status || undefined;
  }
}
