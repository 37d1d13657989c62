-- One line for each table: its name, its rows, and two sums over the hashes of all rows, which do not
-- depend on their order. Two databases with the same lines hold the same rows. Generated columns are
-- left out, since they follow from the others.
SELECT format(
    $q$SELECT %L || E'\t' || count(*) || E'\t'
              || coalesce(sum(('x' || substr(hash, 1, 16))::bit(64)::bigint::numeric), 0) || E'\t'
              || coalesce(sum(('x' || substr(hash, 17, 16))::bit(64)::bigint::numeric), 0)
       FROM (SELECT md5(ROW(%s)::text) AS hash FROM %I.%I) AS row_hashes$q$,
    table_schema || '.' || table_name, string_agg(quote_ident(column_name), ', ' ORDER BY column_name),
    table_schema, table_name)
FROM information_schema.columns
JOIN information_schema.tables USING (table_schema, table_name)
WHERE table_schema IN ('access', 'contacts', 'documents', 'search')
  AND table_type = 'BASE TABLE' AND is_generated = 'NEVER'
GROUP BY table_schema, table_name
ORDER BY table_schema, table_name
\gexec
