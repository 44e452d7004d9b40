// One server as a process of its own: `fork(serve.mjs, [NAME, PORT])` tells its parent when it answers,
// and ends with it.

const [name, port] = process.argv.slice(2);
const { start } = await import(`./servers/${name}.mjs`);
const { info, stop } = await start({ port: Number(port), origin: `http://127.0.0.1:${port}` });
process.on('disconnect', async () => {
  await stop();
  process.exit();
});
process.send(info);
