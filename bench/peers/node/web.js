// Peer (c), the ingress: Fastify, which hands each token to BullMQ and answers 202; reads look in the database.
import { randomUUID } from "node:crypto";
import { Queue } from "bullmq";
import Fastify from "fastify";
import Redis from "ioredis";
import pg from "pg";

const connection = new Redis(process.env.PEER_BROKER_URL, { maxRetriesPerRequest: null });
const queue = new Queue("sessions", { connection, defaultJobOptions: { removeOnComplete: true, removeOnFail: true } });
const pool = new pg.Pool({ connectionString: process.env.PEER_DATABASE_URL, max: 20 });
const app = Fastify({ logger: false });

const tokenIn = { type: "object", required: ["token"], properties: { token: { type: "string" } } };
const sessionMade = { type: "object", properties: { session_id: { type: "string" }, session_key: { type: "string" } } };

app.post(
  "/v1/campaigns/:campaignId/sessions",
  { schema: { body: tokenIn, response: { 202: sessionMade } } },
  async (request, reply) => {
    const sessionId = `ses_${randomUUID()}`;
    await queue.add("verify", { sessionId, campaignId: request.params.campaignId, token: request.body.token });
    reply.code(202);
    return { session_id: sessionId, session_key: "-" };
  },
);

app.get("/v1/sessions/:sessionId", async (request) => {
  const { sessionId } = request.params;
  const { rows } = await pool.query({
    name: "read",
    text: "SELECT id, campaign_id, form, optin FROM sessions WHERE id = $1",
    values: [sessionId],
  });
  if (rows.length === 0) return { session_id: sessionId, status: "pending" };
  const [row] = rows;
  return { session_id: row.id, campaign_id: row.campaign_id, status: "ready", form: row.form, optin: row.optin };
});

await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
