// The page's address: leaving it, and taking out of it what was an answer.

export function leave({ options }, url) {
  (options.navigate ?? ((url) => location.assign(url)))(url);
}

/** Takes the answer to a sign-in out of the address bar, if it is the page's address that holds it. */
export function clean(url) {
  if (globalThis.location?.href !== url.href) return;
  for (const name of ['code', 'state', 'iss', 'session_state', 'scope', 'error', 'error_description', 'error_uri']) {
    url.searchParams.delete(name);
  }
  history.replaceState(history.state, '', url);
}
