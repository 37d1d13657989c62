// A real identity provider for the tests: oidc-provider, which asks whoever comes for a name and believes it.
// node issuer.mjs <folder with node_modules> <port> <redirect URI>

const [folder, port, redirect] = process.argv.slice(2);
const { Provider } = await import(`${folder}/node_modules/oidc-provider/lib/index.js`);

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [{
    client_id: "dossier",
    client_secret: "a secret of both",
    redirect_uris: [redirect],
    grant_types: ["authorization_code"],
    response_types: ["code"],
  }],
  claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["name"] },
  cookies: { keys: ["for tests only"] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, email: `${id}@example.org`, email_verified: true, name: "From Elsewhere" }),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
