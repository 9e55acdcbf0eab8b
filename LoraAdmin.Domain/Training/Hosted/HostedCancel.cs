namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>Ends a training or prediction, and says how it is after that.</summary>
internal static class HostedCancel
{
    /// <returns>
    /// What the cancel came to. One that was refused or not answered may have been so because it is over: then it is that, as a read of it says.
    /// </returns>
    public static async Task<HostedReading> SendAsync(IHostedRuns provider, string trainingId, CancellationToken cancellationToken) =>
        (await AskAsync(provider, trainingId, cancellationToken)).Reading;

    /// <returns>The same, and how a read shows it when its cancel was not taken; null: nobody could say.</returns>
    public static async Task<(HostedReading Reading, HostedView? Shown)> AskAsync(IHostedRuns provider, string trainingId, CancellationToken cancellationToken)
    {
        HostedReading reading = await provider.CancelAsync(trainingId, cancellationToken);
        return reading is HostedReading.Unavailable && await provider.GetAsync(trainingId, cancellationToken) is HostedReading.Found { Training: var shown } found
            ? (shown.IsOver ? found : reading, shown)
            : (reading, null);
    }
}
