// What codes mean, in plain words. No DOM, no network.

const OTHER_BROWSERS = 'Your other browsers are not affected.';

const SIGNED_OUT = {
  title: 'You signed out',
  text: `This session was signed out in another tab, another window, or at the provider. ${OTHER_BROWSERS}`,
};

const ENDINGS = {
  administrator: {
    title: 'An administrator ended this session',
    text: 'Sessions in other browsers are separate: this did not end them.',
  },
  code_replayed: {
    title: 'You were signed out for your safety',
    text: `The code that began this session was used a second time. That is what a stolen copy looks like, so the provider ended this session. ${OTHER_BROWSERS}`,
  },
  consent_withdrawn: {
    title: 'You took this access back',
    text: 'You no longer let this app use your account, so the provider ended its session. Sign in to allow it again.',
  },
  expired: {
    title: 'Your session reached its end',
    text: `A session lasts for a limited time, and this one is over. ${OTHER_BROWSERS}`,
  },
  replayed: {
    title: 'You were signed out for your safety',
    text: `A refresh token of this session was used again, long after it had been replaced. That is what a stolen copy looks like, so the provider ended this session. ${OTHER_BROWSERS}`,
  },
  revoked: {
    title: 'This session was ended',
    text: `Its refresh token was revoked at the provider. ${OTHER_BROWSERS}`,
  },
  signed_out: SIGNED_OUT,
  signed_out_elsewhere: SIGNED_OUT,
};

/** Why a session is over: the `reason` of the SDK's `signed_out` event, for people. */
export function ending(reason) {
  if (Object.hasOwn(ENDINGS, reason)) return ENDINGS[reason];
  const detail = reason === 'invalid_grant' ? 'gave no reason' : `gave the reason “${reason}”`;
  return {
    title: 'Your session has ended',
    text: `The provider no longer accepts this session and ${detail}. ${OTHER_BROWSERS}`,
  };
}

const SIGN_IN_FAILURES = {
  access_denied: 'The sign-in was cancelled, or the provider said no. Nothing was changed.',
  callback_missing: 'This address is where a sign-in ends, but it holds no answer from the provider.',
  callback_used: 'This answer from the provider was used already: the page was reloaded, or you went back.',
  callback_foreign: 'This answer belongs to no sign-in that this tab began. If you did not begin one, someone may have sent you the link.',
  callback_expired: 'The sign-in was begun more than an hour ago.',
  issuer_mismatch: 'The answer comes from another provider than the one that was asked.',
  invalid_id_token: 'The provider’s statement of who you are is not for this page or this sign-in, or not signed by it.',
  network_error: 'The provider could not be reached.',
  timeout: 'The provider did not answer in time.',
};

/** Why a sign-in did not succeed: an error of `handleCallback` or `login`, for people. */
export function signInFailure(error) {
  if (Object.hasOwn(SIGN_IN_FAILURES, error.code)) return SIGN_IN_FAILURES[error.code];
  return error.message;
}

/** Why a call had no answer: what `client.fetch` and the token controls throw, for people. */
export function callFailure(error) {
  if (error.name !== 'GatepassError') return 'no answer. Is the API running?';
  return error.message;
}
