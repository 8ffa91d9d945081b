// https://github.com/Shopify/shopify-app-js/blob/3fac32f5ba1553f4ddb9f4bfa94efefe2f4f4493/packages/apps/shopify-api/docs/reference/webhooks/validate.md
import { createServer } from "node:http";
import "@shopify/shopify-api/adapters/node";
import { ApiVersion, LogSeverity, shopifyApi } from "@shopify/shopify-api";

const shopify = shopifyApi({
  apiKey: process.env.SHOPIFY_CLIENT_ID,
  apiSecretKey: process.env.SHOPIFY_CLIENT_SECRET,
  scopes: ["read_orders"],
  hostName: "shop.example.com",
  apiVersion: Object.values(ApiVersion).at(-1),
  isEmbeddedApp: false,
  logger: { level: LogSeverity.Error },
});

const server = createServer(async (rawRequest, rawResponse) => {
  const parts = [];
  for await (const part of rawRequest) parts.push(part);
  try {
    const rawBody = Buffer.concat(parts).toString("utf8");
    const result = await shopify.webhooks.validate({ rawBody, rawRequest, rawResponse });
    rawResponse.statusCode = result.valid ? 200 : 400;
  } catch {
    rawResponse.statusCode = 500;
  }
  rawResponse.end();
});
server.listen(0, "127.0.0.1", () => console.log(JSON.stringify({ port: server.address().port })));
