using System.Globalization;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Bench.Admission;

/// <summary>
/// The admission transaction by hand, through the driver alone: the portal's statements in the portal's order (key, user, rows, and the month's row
/// last), in as few round trips as they allow, all of them prepared. What the ratio shows is then what stands above the driver, and nothing else.
/// </summary>
internal sealed class HandAdmission(HandDatabase database, AdmissionRound round, IIds ids)
{
    private const string Progress =
        """
        INSERT INTO training_progress (job_id, lora_id, user_id, name, creator_email, search_text, state, is_open, state_since, created_at, updated_at,
            attempt, admission, due_at, step_errors, step_tries, wish_version, fence)
        VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $8, $8, 1, 1, $8, 0, 0, 0, 0)
        """;

    private const string RaiseLimit =
        """
        INSERT INTO user_training_limits (user_id, loras_created_this_month, month_reset_date)
        SELECT $1, 1, $3 WHERE $4 > 0 OR EXISTS (SELECT 1 FROM user_training_limits WHERE user_id = $1)
        ON CONFLICT (user_id) DO UPDATE SET
            loras_created_this_month = CASE
                WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < $2 THEN 1
                ELSE COALESCE(user_training_limits.loras_created_this_month, 0) + 1 END,
            month_reset_date = CASE
                WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < $2 THEN $3
                ELSE user_training_limits.month_reset_date END
        WHERE COALESCE(user_training_limits.monthly_limit, $4) > CASE
            WHEN user_training_limits.month_reset_date IS NULL OR user_training_limits.month_reset_date < $2 THEN 0
            ELSE COALESCE(user_training_limits.loras_created_this_month, 0) END
        RETURNING loras_created_this_month, COALESCE(monthly_limit, $4)
        """;

    private readonly string claim =
        $"""
        INSERT INTO idempotency_keys (token_id, idempotency_key, body_hash, job_id, lora_id, created_at)
        SELECT $1, $2, $3, $4, $5, $6 WHERE {database.KeyIsFree("$8")}
        ON CONFLICT (token_id, idempotency_key) DO UPDATE SET
            body_hash = excluded.body_hash, job_id = excluded.job_id, lora_id = excluded.lora_id, created_at = excluded.created_at
        WHERE idempotency_keys.created_at < $7
        """;

    private const string CountCharges =
        """
        SELECT count(CASE WHEN user_id = $1 AND period = $2 THEN 1 END), count(CASE WHEN job_id = $3 AND admission = 1 THEN 1 END)
        FROM limit_charges WHERE (user_id = $1 AND period = $2) OR (job_id = $3 AND admission = 1)
        """;

    private const string ReadLimit =
        """
        SELECT CASE WHEN month_reset_date IS NULL OR month_reset_date < $2 THEN 0 ELSE COALESCE(loras_created_this_month, 0) END, monthly_limit
        FROM user_training_limits WHERE user_id = $1
        """;

    private const string AddMonth =
        """
        INSERT INTO budget_months (month, limit_micros, spent_micros, reserved_micros, override_micros, override_mode)
        SELECT $1, COALESCE(limit_micros, $2), 0, 0, limit_micros, mode FROM budget_limit
        WHERE id = 1 AND NOT EXISTS (SELECT 1 FROM budget_months WHERE month = $1) ON CONFLICT (month) DO NOTHING
        """;

    private const string AddDay =
        """
        INSERT INTO budget_days (day, month, kind, purpose, entries, spent_micros, reserved_micros) VALUES ($1, $2, 'reserve', '', 1, 0, $3)
        ON CONFLICT (day, month, kind, purpose) DO UPDATE SET
            entries = budget_days.entries + 1, reserved_micros = budget_days.reserved_micros + excluded.reserved_micros
        """;

    private const string RaiseMonth =
        """
        UPDATE budget_months SET reserved_micros = reserved_micros + $2, limit_micros = COALESCE(override_micros, $3)
        WHERE month = $1
            AND CASE COALESCE(override_mode, 'hard')
                WHEN 'soft' THEN spent_micros < COALESCE(override_micros, $3)
                ELSE spent_micros + reserved_micros + $2 <= COALESCE(override_micros, $3) END
            AND EXISTS (SELECT 1 FROM budget_reservations WHERE id = $4)
        """;

    private const string ReadOpen =
        """
        SELECT id, job_id, attempt, month, amount_micros, accrued_micros, created_at FROM budget_reservations
        WHERE settled_at IS NULL ORDER BY created_at, id LIMIT 50
        """;

    /// <returns>Whether the job was admitted.</returns>
    public async Task<bool> SubmitAsync(TrainingRequest request, IdempotencyKey key)
    {
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(key);
        DateTimeOffset now = round.Now;
        long millis = now.ToUnixTimeMilliseconds();
        string period = Month.Of(now).ToString();
        Guid user = request.UserId.Value;
        Guid job = ids.Next();
        Guid lora = ids.Next();
        DateOnly monthStart = new(now.Year, now.Month, 1);
        await using HandTransaction transaction = await database.BeginAsync();
        long oldest = (now - TrainingDesk.IdempotencyKeptFor).ToUnixTimeMilliseconds();
        Statement claimed = new(claim, key.TokenId, key.Key, key.BodyHash, job, lora, millis, oldest, $"{key.TokenId:N}{key.Key}");
        if (await transaction.WriteAsync([claimed]) == 0)
        {
            return true;
        }

        object[]?[] charged = await transaction.ReadAsync(
        [
            new Statement(RaiseLimit, user, monthStart, DateOnly.FromDateTime(now.UtcDateTime), AdmissionRound.LorasPerUser),
            new Statement(CountCharges, user, period, job),
        ]);
        if (charged[0] is null || (long)charged[1]![0] >= AdmissionRound.AttemptsPerUser)
        {
            await transaction.ReadAsync([new Statement(ReadLimit, user, monthStart)]);
            return false;
        }

        Guid reservation = ids.Next();
        List<Statement> rest = Inserts(request, job, lora, now, millis, period);
        rest.AddRange(
        [
            new Statement(AddMonth, period, round.Limit.Micros),
            new Statement(
                """
                INSERT INTO budget_reservations (id, job_id, attempt, month, amount_micros, created_at) VALUES ($1, $2, 1, $3, $4, $5)
                ON CONFLICT (job_id, attempt) DO NOTHING
                """,
                reservation, job, period, AdmissionRound.Estimate.Micros, millis),
            new Statement(
                """
                INSERT INTO budget_entries (key, month, at, kind, spent_micros, reserved_micros, job_id, attempt)
                VALUES ($1, $2, $3, 'reserve', 0, $4, $5, 1)
                """,
                $"reserve:{job}:1", period, millis, AdmissionRound.Estimate.Micros, job),
            new Statement(AddDay, now.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), period, AdmissionRound.Estimate.Micros),
            new Statement(RaiseMonth, period, AdmissionRound.Estimate.Micros, round.Limit.Micros, reservation),
        ]);
        if (await transaction.WriteAsync(rest) == 0)
        {
            await transaction.ReadAsync(
            [
                new Statement("DELETE FROM budget_reservations WHERE id = $1 RETURNING id", reservation),
                new Statement("SELECT spent_micros, reserved_micros FROM budget_months WHERE month = $1", period),
                new Statement(ReadOpen),
            ]);
            return false;
        }

        await transaction.CommitAsync();
        return true;
    }

    private List<Statement> Inserts(TrainingRequest request, Guid job, Guid lora, DateTimeOffset now, long millis, string period)
    {
        Guid user = request.UserId.Value;
        string search = $"{request.Name}\n{request.CreatorEmail}".ToLowerInvariant();
        List<Statement> inserts =
        [
            new("INSERT INTO limit_charges (job_id, admission, user_id, period, charged_at) VALUES ($1, 1, $2, $3, $4)", job, user, period, millis),
            new(
                """
                INSERT INTO operational_events (id, at, kind, message, severity, actor_kind, actor_name, job_id, lora_id, user_id, attempt, has_error, claims)
                VALUES ($1, $2, $3, $4, 'info', 'token', $5, $6, $7, $8, 1, $9, 0)
                """,
                ids.Next(), millis, TrainingEvents.Accepted,
                $"Accepted \"{request.Name}\" with {request.ImageKeys.Count} images; {AdmissionRound.Estimate} reserved at most",
                AdmissionRound.Caller.Name, job, lora, user, false),
            new("INSERT INTO lora_models (id, user_id, creator_email, name, status, is_private, created_at, updated_at) "
                + "VALUES ($1, $2, $3, $4, 'training', $5, $6, $6)",
                lora, user, request.CreatorEmail, request.Name, false, now),
            new(Progress, job, lora, user, request.Name, request.CreatorEmail, search, true, millis),
            new("INSERT INTO lora_training_jobs (id, lora_id, user_id, status, created_at, updated_at) VALUES ($1, $2, $3, 'queued', $4, $4)",
                job, lora, user, now),
        ];
        for (int number = 0; number < request.ImageKeys.Count; number++)
        {
            inserts.Add(new Statement(
                "INSERT INTO training_images (job_id, number, object_key) VALUES ($1, $2, $3)", job, number, request.ImageKeys[number]));
        }

        inserts.Add(new Statement(
            "INSERT INTO training_attempts (job_id, number, provider, state, started_at) VALUES ($1, 1, 'runpod', 'active', $2)", job, millis));
        return inserts;
    }
}
