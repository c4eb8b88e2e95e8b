import express, { type ErrorRequestHandler, type Express } from "express";
import { Links } from "./links.js";

export function createApp(links = new Links()): Express {
  const app = express();
  app.disable("x-powered-by");
  app.use(express.json({ limit: "10kb" }));

  app.get("/health", (_request, response) => {
    response.json({ status: "ok", links: links.size });
  });

  app.post("/links", (request, response) => {
    const address: unknown = request.body?.url;
    if (typeof address !== "string" || !URL.canParse(address)) {
      response.status(400).json({ error: "url: an address is wanted" });
      return;
    }
    const name = links.add(address);
    response.status(201).location(`/${name}`).json({ name });
  });

  app.get("/:name", (request, response) => {
    const address = links.get(request.params.name);
    if (address === undefined) {
      response.status(404).json({ error: "no such link" });
      return;
    }
    response.redirect(address);
  });

  const refuse: ErrorRequestHandler = (error, _request, response, _next) => {
    response.status(400).json({ error: error instanceof Error ? error.message : "bad request" });
  };
  app.use(refuse);
  return app;
}
