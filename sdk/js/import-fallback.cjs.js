// Where the fallback is, for `require`: in a file beside this one.

export function importFallback() {
  return import('./fallback.cjs').then((loaded) => loaded.default ?? loaded);
}
