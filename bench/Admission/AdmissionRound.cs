using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Bench.Admission;

/// <summary>
/// One round plays in a month of its own, so that its budget and its users' counts begin at nothing while the tables grow as in real life. Most
/// requests are admitted; the month's money runs out before the end, and one user asks for more than a user may have.
/// </summary>
internal sealed class AdmissionRound(int number) : TimeProvider
{
    public const int Callers = 64;
    public const int CallsEach = 8;
    public const int LorasPerUser = 10;
    public const int AttemptsPerUser = 30;

    /// <summary>Less than the callers ask for by their own users alone.</summary>
    public const int Fit = Callers * (CallsEach - 1) - 20;

    private const int Images = 8;

    public static Usd Estimate { get; } = Usd.FromDollars(2.5m);

    public static Actor Caller { get; } = new(ActorKind.Token, "bench");

    /// <summary>Half a job more than fits: a guard that is off by one is seen.</summary>
    public Usd Limit { get; } = new(Estimate.Micros * Fit + Estimate.Micros / 2);

    public DateTimeOffset Now { get; } = new DateTimeOffset(2030, 1, 15, 12, 0, 0, TimeSpan.Zero).AddMonths(number);

    public override DateTimeOffset GetUtcNow() => Now;

    /// <summary>Every caller has a user of its own; its last call is for the one that everybody asks for.</summary>
    public static (TrainingRequest Request, IdempotencyKey Key) Request(Guid token, IReadOnlyList<Guid> users, IIds ids, int caller, int call)
    {
        Guid user = users[call == CallsEach - 1 ? Callers : caller];
        Guid upload = ids.Next();
        TrainingRequest request = new()
        {
            UserId = new UserId(user),
            Name = "Mara",
            CreatorEmail = "mara@example.org",
            ImageKeys = [.. Enumerable.Range(0, Images).Select(image => $"{user}/{upload}/{image}.jpg")],
        };
        return (request, new IdempotencyKey(token, upload.ToString("D"), new string('b', 64)));
    }
}
