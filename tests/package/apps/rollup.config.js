import resolve from '@rollup/plugin-node-resolve';

export default {
  plugins: [resolve({ browser: true })],
  onwarn(warning) {
    throw new Error(warning.message);
  },
};
