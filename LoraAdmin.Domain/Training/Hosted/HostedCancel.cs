namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>Ends a training or prediction, and says how it is after that.</summary>
internal static class HostedCancel
{
    /// <returns>
    /// What the cancel came to. One that was refused or not answered may have been so because it is over: then it is that, as a read of it says.
    /// </returns>
    public static async Task<HostedReading> SendAsync(IHostedRuns provider, string trainingId, CancellationToken cancellationToken)
    {
        HostedReading reading = await provider.CancelAsync(trainingId, cancellationToken);
        return reading is HostedReading.Unavailable
            && await provider.GetAsync(trainingId, cancellationToken) is HostedReading.Found { Training.IsOver: true } over
            ? over
            : reading;
    }
}
