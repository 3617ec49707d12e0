/** A problem document (RFC 9457), as far as one came. */
interface ProblemDocument {
  type?: string;
  title?: string;
  detail?: string;
  request_id?: string;
  errors?: { field: string; detail: string }[];
}

/** An answer that is none of the hoped for, or none at all (`status` is 0 then). */
export class ApiError extends Error {
  readonly status: number;
  /** The stable word of the problem's type, such as `second-factor-missing`. */
  readonly kind: string;
  readonly requestId: string | undefined;
  /** What is wrong with single fields. */
  readonly fields: Record<string, string>;
  /** After how many seconds the server says that it may be tried again. */
  readonly retryAfter: number | undefined;

  constructor(status: number, document: ProblemDocument, retryAfter?: number) {
    super(document.detail ?? document.title ?? `HTTP ${status}`);
    this.name = 'ApiError';
    this.status = status;
    this.kind = (document.type ?? '').replace(/^urn:muster:problem:/, '');
    this.requestId = document.request_id;
    this.fields = Object.fromEntries((document.errors ?? []).map((one) => [one.field, one.detail]));
    this.retryAfter = retryAfter;
  }
}

/** What `openapi-fetch` answers with. */
export interface Answer<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

/** The error that an answer stands for. */
export function problemOf(response: Response, body: unknown): ApiError {
  const document = typeof body === 'object' && body !== null ? (body as ProblemDocument) : {};
  const after = Number(response.headers.get('retry-after') ?? Number.NaN);
  return new ApiError(response.status, document, Number.isFinite(after) ? after : undefined);
}

/** The data of an answer. Throws an `ApiError` for everything else, also when the server cannot be reached. */
export async function unwrap<T>(asked: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await asked;
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error;
    throw new ApiError(0, { detail: String(error) });
  }
  if (!answer.response.ok) throw problemOf(answer.response, answer.error);
  return answer.data as T;
}

/** The entity tag of an answer with it: what a change names in `If-Match`. */
export async function unwrapVersioned<T>(asked: Promise<Answer<T>>): Promise<{ value: T; etag: string }> {
  let etag = '*';
  const value = await unwrap(
    asked.then((answer) => {
      etag = answer.response.headers.get('etag') ?? '*';
      return answer;
    }),
  );
  return { value, etag };
}
