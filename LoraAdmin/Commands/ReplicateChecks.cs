using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Training;

namespace LoraAdmin.Commands;

/// <summary>Tries the fallback's account as far as can be told without a training, or says why it is not used.</summary>
internal static class ReplicateChecks
{
    /// <summary>Why there is no fallback, for a person; null: there is one, and <see cref="Of"/> tries it.</summary>
    public static string? WhyNot(IServiceProvider services) => services.GetRequiredService<HostedRules>().WhyNot;

    public static IEnumerable<CheckedPart> Of(IServiceProvider services)
    {
        ReplicateAccount account = services.GetRequiredService<ReplicateAccount>();
        return
        [
            Part("replicate", account.LookAtTrainerAsync),
            Part("destination", account.LookAtDestinationAsync),
            Part("validation", account.LookAtValidationAsync),
            Part("webhooks", account.LookAtSecretAsync),
        ];
    }

    private static CheckedPart Part(string name, Func<CancellationToken, Task<HostedAccountLook>> look) => new(
        name,
        ReplicateAccount.Network,
        async token => await look(token) switch
        {
            HostedAccountLook.Good => null,
            HostedAccountLook.Wrong wrong => wrong.Words,
            HostedAccountLook.Unavailable away => away.Words,
            _ => throw new NotSupportedException("A look is good, wrong or not answered."),
        });
}
