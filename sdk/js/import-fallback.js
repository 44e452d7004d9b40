// Where the fallback is: in a file beside this one. Bundlers that know `new URL` put it there (Vite, webpack,
// Next.js); nobody else finds more than an address in it, so it costs nothing where it is not needed.

export function importFallback() {
  const { href } = new URL('./fallback.js', import.meta.url);
  return import(/* webpackIgnore: true */ /* turbopackIgnore: true */ /* @vite-ignore */ href);
}
