namespace LoraAdmin.Platform.Data.Migrations;

/// <summary>
/// Begins the ledger of a database whose months have spent and reserved money already: one entry for each, so that the totals of every month are the sum
/// of its entries from the first one on.
/// </summary>
internal static class OpeningEntries
{
    /// <param name="millisOfMonth">The beginning of <c>month</c> (<c>2026-11</c>) as Unix milliseconds.</param>
    public static string Of(string millisOfMonth) =>
        $"""
        INSERT INTO budget_entries (key, month, at, kind, spent_micros, reserved_micros, note)
        SELECT 'opening:' || month, month, {millisOfMonth}, 'opening', spent_micros, reserved_micros, 'What the month held when the ledger began'
        FROM budget_months;

        INSERT INTO budget_days (day, month, kind, purpose, entries, spent_micros, reserved_micros)
        SELECT month || '-01', month, 'opening', '', 1, spent_micros, reserved_micros FROM budget_months;

        UPDATE budget_reservations SET accrued_micros = actual_micros, training_micros = 0, validation_micros = 0, failed_micros = actual_micros, idle_micros = 0
        WHERE settled_at IS NOT NULL;

        UPDATE budget_reservations SET training_micros = actual_micros, failed_micros = 0
        WHERE settled_at IS NOT NULL AND EXISTS (
            SELECT 1 FROM training_attempts attempt
            WHERE attempt.job_id = budget_reservations.job_id AND attempt.number = budget_reservations.attempt
                AND (attempt.state = 'succeeded' OR attempt.failure_code = 'upload_failed'));
        """;
}
