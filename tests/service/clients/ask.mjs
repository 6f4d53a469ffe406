// Ask a service with the Vercel AI SDK: whole, streamed, as a follow-up, and for a model that does not exist.
// Runs beside a node_modules with `ai` and `@ai-sdk/openai-compatible`. Prints one JSON object.
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, streamText } from "ai";

const provider = createOpenAICompatible({ name: "ragloop", baseURL: process.argv[2], apiKey: process.env.RAGLOOP_SERVICE_KEY ?? "none" });
const model = provider("ragloop");
const prompt = "Who keeps the bees?";
const messages = [
  { role: "user", content: prompt },
  { role: "assistant", content: "Ada. [1]" },
  { role: "user", content: "When does the ferry leave?" },
];

const whole = await generateText({ model, prompt });
let streamed = "";
for await (const part of streamText({ model, prompt }).textStream) streamed += part;
const next = await generateText({ model, messages });
let error = "";
try {
  await generateText({ model: provider("gpt-4o"), prompt, maxRetries: 0 });
} catch (failure) {
  error = failure.message;
}
console.log(JSON.stringify({ whole: whole.text, streamed, next: next.text, error }));
