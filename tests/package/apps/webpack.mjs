// webpack without a configuration, as far as it goes: where from and where to.

import webpack from 'webpack';

const [entry, path] = process.argv.slice(2);
webpack({ mode: 'production', entry, output: { path, filename: 'main.js', publicPath: '/' }, performance: false }, (error, stats) => {
  if (!error && !stats.hasErrors() && !stats.hasWarnings()) return;
  console.error(error ?? stats.toString({ all: false, errors: true, warnings: true }));
  process.exitCode = 1;
});
