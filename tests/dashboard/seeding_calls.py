"""Model calls with their parts, templates and usage, for the requests that `seeding` makes."""

from __future__ import annotations

from pathlib import Path

import duckdb

from tests.dashboard.seeding import END_NS, HOUR_NS, seed

ANSWER, SUMMARY, RERANK, PAGES = (
    f"00000000-0000-4000-8000-00000000000{number}" for number in (1, 2, 3, 4)
)

_TEMPLATES = f"""
INSERT INTO templates BY NAME SELECT * FROM (VALUES
 ('{ANSWER}'::UUID, 'qa.answer', 'llm.generate', 'prompt name',
  'You answer questions about documents. Cite the page.\n\nQuestion: {{…}}'),
 ('{SUMMARY}'::UUID, 'Sum up what the customer wants in {{…}}', 'llm.generate', 'found',
  'Sum up what the customer wants in {{…}} sentences.'),
 ('{RERANK}'::UUID, 'Order the passages', 'rerank', 'found',
  'Order the passages by how well they answer: {{…}}'),
 ('{PAGES}'::UUID, 'Read the page', 'ocr', 'found', 'Read the page. Keep its tables.')
) t(template_id, name, stage, source, text), (SELECT 1::BIGINT AS first_seen_ns);
"""

# template, place, side, part, role, name, usual tokens, distinct texts (0: one a call), estimated
_PARTS = f"""
CREATE TEMP TABLE parts_of AS SELECT * FROM (VALUES
 ('{ANSWER}', 0, 'input', 'tools', NULL, 'search_documents', 96, 1, true),
 ('{ANSWER}', 1, 'input', 'tools', NULL, 'convert_currency', 141, 1, true),
 ('{ANSWER}', 2, 'input', 'system', 'system', NULL, 212, 1, false),
 ('{ANSWER}', 3, 'input', 'few_shot', 'user', NULL, 118, 1, false),
 ('{ANSWER}', 4, 'input', 'retrieved', 'user', NULL, 1240, 500, false),
 ('{ANSWER}', 5, 'input', 'user', 'user', NULL, 64, 0, false),
 ('{ANSWER}', 6, 'input', 'overhead', NULL, NULL, 11, 1, false),
 ('{ANSWER}', 7, 'output', 'output', 'assistant', NULL, 130, 0, false),
 ('{SUMMARY}', 0, 'input', 'system', 'system', NULL, 320, 1, false),
 ('{SUMMARY}', 1, 'input', 'history', 'user', NULL, 420, 0, false),
 ('{SUMMARY}', 2, 'input', 'user', 'user', NULL, 90, 0, false),
 ('{SUMMARY}', 3, 'input', 'overhead', NULL, NULL, 11, 1, false),
 ('{SUMMARY}', 4, 'output', 'reasoning', 'assistant', NULL, 240, 0, false),
 ('{SUMMARY}', 5, 'output', 'output', 'assistant', NULL, 80, 0, false),
 ('{RERANK}', 0, 'input', 'system', 'system', NULL, 70, 1, false),
 ('{RERANK}', 1, 'input', 'retrieved', 'user', NULL, 610, 500, false),
 ('{RERANK}', 2, 'input', 'overhead', NULL, NULL, 11, 1, false),
 ('{RERANK}', 3, 'output', 'output', 'assistant', NULL, 18, 0, false),
 ('{PAGES}', 0, 'input', 'system', 'system', NULL, 44, 1, true),
 ('{PAGES}', 1, 'input', 'image', 'user', NULL, 1105, 0, true),
 ('{PAGES}', 2, 'output', 'output', 'assistant', NULL, 340, 0, true)
) t(template, place, side, part, role, name, usual, texts, is_estimated);
"""

_CALLS = f"""
CREATE TEMP TABLE seeded AS
SELECT trace_id, span_id, run_id, start_ns, name AS stage, i, slot,
       CASE WHEN slot = 16 AND i % 5 < 3 THEN '{ANSWER}' WHEN slot = 16 THEN '{SUMMARY}'
            WHEN slot = 14 THEN '{RERANK}' WHEN slot = 8 THEN '{PAGES}' END AS template,
       CASE slot WHEN 16 THEN 'gpt-4o' WHEN 14 THEN 'gpt-4o-mini' WHEN 8 THEN 'qwen2.5-vl-7b'
                 ELSE 'text-embedding-3-small' END AS model,
       CASE slot WHEN 8 THEN NULL ELSE 'openai' END AS provider
FROM (SELECT *, ((span_id - 1) // 32)::BIGINT AS i, (span_id - 1)::BIGINT % 32 AS slot FROM spans)
WHERE slot IN (12, 14, 16) OR (slot = 8 AND i % 3 = 0);

CREATE TEMP TABLE seeded_parts AS
SELECT c.trace_id, c.span_id, p.place::UINTEGER AS position, p.side, p.part, p.role, p.name, c.i,
       CASE WHEN p.part <> 'overhead' THEN md5(p.template || p.place || '-' ||
            CASE WHEN p.texts = 0 THEN c.i ELSE c.i % p.texts END)::UUID END AS hash,
       CASE WHEN p.texts = 1 THEN p.usual
            ELSE (p.usual * (0.5 + (hash(p.place * 7 + CASE WHEN p.texts = 0 THEN c.i
                  ELSE c.i % p.texts END) % 1000) / 1000.0))::BIGINT END AS tokens,
       p.is_estimated AS tokens_estimated
FROM seeded c JOIN parts_of p ON p.template = c.template;

INSERT INTO call_parts BY NAME SELECT * EXCLUDE (i) FROM seeded_parts;

INSERT INTO prompts BY NAME
SELECT DISTINCT ON (hash) hash, part, tokens * 4 AS bytes, tokens * 4 AS characters,
       CASE WHEN part <> 'image' THEN left(
            CASE part WHEN 'system' THEN 'You answer questions about documents. Cite the page. '
                 WHEN 'user' THEN 'Question ' || i || ': what does the contract say of delivery? '
                 WHEN 'tools' THEN '{{"name": "' || name || '", "description": "'
                 ELSE 'Page ' || i % 500 || '. ' END
            || repeat('The supplier delivers within ten working days of the order. ',
                      (tokens // 14 + 1)::INTEGER), (tokens * 4)::INTEGER) END AS text,
       false AS truncated,
       CASE WHEN part = 'image' THEN
            '{{"kind": "image", "mime_type": "image/png", "width": 1240, "height": 1754}}' END::JSON
            AS media
FROM seeded_parts WHERE hash IS NOT NULL;

INSERT INTO tool_use BY NAME
SELECT trace_id, span_id, unnest(['search_documents', 'convert_currency']) AS name,
       true AS offered, unnest([i % 2 = 0, false]) AS called
FROM seeded WHERE template = '{ANSWER}';

DELETE FROM usage;

INSERT INTO usage BY NAME
SELECT c.trace_id, c.span_id, c.run_id, c.start_ns, c.stage, c.provider, c.model,
       CASE WHEN slot = 12 THEN 'embeddings' ELSE 'chat' END AS operation,
       coalesce(p.counted_in + (i % 3), 24) AS input_tokens,
       CASE WHEN slot = 16 THEN CASE WHEN i % 4 = 0 THEN 0 ELSE 320 END END AS cache_read_tokens,
       p.counted_out AS output_tokens,
       coalesce(p.counted_in + (i % 3), 24) + coalesce(p.counted_out, 0) AS total_tokens,
       p.counted_in AS counted_input_tokens, p.counted_out AS counted_output_tokens,
       i % 3 AS residual_input_tokens, 0 AS residual_output_tokens,
       'provider' AS origin, 'provider' AS input_origin, 'provider' AS output_origin,
       CASE WHEN slot = 8 THEN 'o200k_base' WHEN slot <> 12 THEN 'o200k_base' END AS encoding,
       slot <> 8 AS is_exact, CASE WHEN slot = 8 THEN 0.05 ELSE 0 END AS expected_error,
       CASE WHEN slot <> 8 THEN coalesce(p.counted_in, 24) * 2.5e-6 + coalesce(p.counted_out, 0)
            * 1e-5 END AS cost_usd,
       CASE WHEN slot <> 8 THEN 'prices' END AS cost_origin,
       c.template::UUID AS template_id, i % 50 = 0 AND slot = 16 AS stops_early
FROM seeded c LEFT JOIN (
    SELECT trace_id, span_id,
           sum(tokens) FILTER (side = 'input')::BIGINT AS counted_in,
           sum(tokens) FILTER (side = 'output')::BIGINT AS counted_out
    FROM seeded_parts GROUP BY ALL) p USING (trace_id, span_id);
"""


def seed_calls(
    home: Path, *, requests: int = 60, end_ns: int = END_NS, length_ns: int = HOUR_NS
) -> Path:
    """A store whose requests' model calls were taken apart: about 3.3 calls a request."""
    seed(home, requests=requests, end_ns=end_ns, length_ns=length_ns)
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        for statement in (_TEMPLATES + _PARTS + _CALLS.replace("{{", "{").replace("}}", "}")).split(
            ";\n"
        ):
            if statement.strip():
                connection.execute(statement)
        connection.execute("CHECKPOINT")
    return home


def without_content(home: Path) -> Path:
    """The store as LATPROBE_CONTENT=off leaves it: sizes, hashes and counts, no texts."""
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        connection.execute("UPDATE prompts SET text = NULL")
        connection.execute("UPDATE templates SET text = NULL, name = NULL")
    return home


def without_parts(home: Path) -> Path:
    """The store of a program whose instrumentation left the prompts out."""
    with duckdb.connect(str(home / "latprobe.duckdb")) as connection:
        for table in ("prompts", "call_parts", "templates", "tool_use"):
            connection.execute(f"DELETE FROM {table}")
        connection.execute("UPDATE usage SET template_id = NULL, is_exact = NULL")
    return home
