// What every app of these tests does: signs in, which leaves the page and comes back, then makes calls, the
// first of which meets a 401. What came of it is shown as an attribute of the page.

export async function walk(createClient, more) {
  const { issuer, api } = JSON.parse(document.querySelector('meta[name=provider]').content);
  const client = createClient({ issuer, clientId: 'app', redirectUri: `${location.origin}/callback`, scope: 'read', apis: [api], ...more });
  try {
    if (location.pathname !== '/callback') {
      await client.login({ returnTo: '/after' });
      return;
    }
    const { returnTo } = await client.handleCallback();
    const statuses = await Promise.all([1, 2, 3].map(async () => (await client.fetch(`${api}/data`)).status));
    const { name } = await client.user();
    show(client, { returnTo, statuses, name, address: location.pathname + location.search });
  } catch (error) {
    show(client, { error: `${error.code} ${error.message}` });
  }
}

function show(client, result) {
  window.client = client;
  document.body.dataset.result = JSON.stringify(result);
}
