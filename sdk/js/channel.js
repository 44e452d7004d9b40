// What a tab says to the others. No message has a token or says who is signed in.

/** Says that the storage has changed; with `out`, that the sign-ins up to that one are over. */
export function tellTabs({ channel }, out = 0) {
  try {
    channel?.postMessage(out);
  } catch {
    // The page is on its way out.
  }
}
