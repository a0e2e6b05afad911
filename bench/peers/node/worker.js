// Peer (c), the worker: one BullMQ job and one transaction per token, verified by jose.
import { Worker } from "bullmq";
import Redis from "ioredis";
import { importSPKI, jwtVerify } from "jose";
import pg from "pg";

const connection = new Redis(process.env.PEER_BROKER_URL, { maxRetriesPerRequest: null });
const pool = new pg.Pool({ connectionString: process.env.PEER_DATABASE_URL, max: 20 });
const key = await importSPKI(process.env.PEER_PUBLIC_KEY, "RS256");
const requiredClaims = ["sub", "exp", "campaignId"];

async function verify({ data: { sessionId, campaignId, token } }) {
  const { payload } = await jwtVerify(token, key, { algorithms: ["RS256"], requiredClaims });
  if (payload.campaignId !== campaignId) throw new Error("another campaign");
  await pool.query({
    name: "save",
    text:
      "INSERT INTO sessions (id, campaign_id, participant, form, optin, created_at) VALUES ($1, $2, $3, $4, $5, now())",
    values: [sessionId, campaignId, payload.sub, payload.form ?? {}, payload.optin ?? {}],
  });
}

const worker = new Worker("sessions", verify, { connection, concurrency: 64 });
worker.on("error", (error) => console.error(error.message));
