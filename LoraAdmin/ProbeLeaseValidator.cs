using LoraAdmin.Breaker;
using LoraAdmin.Pods;
using Microsoft.Extensions.Options;

namespace LoraAdmin;

/// <summary>
/// Who tries RunPod out may need one create call and one look-up for its result: with a shorter lease a second creation would go out meanwhile.
/// </summary>
internal sealed class ProbeLeaseValidator(IOptions<RunPodOptions> runPod) : IValidateOptions<BreakerOptions>
{
    public ValidateOptionsResult Validate(string? name, BreakerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        TimeSpan call;
        try
        {
            call = runPod.Value.CallTimeout;
        }
        catch (OptionsValidationException)
        {
            // What is wrong there is told by its own validator.
            return ValidateOptionsResult.Skip;
        }

        return options.ProbeLease > 2 * call ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(
            $"Breaker:ProbeLease is {options.ProbeLease}: give more than twice RunPod:CallTimeout ({call}), or shorten that. "
            + "The creation that tries RunPod out may need that long, and a second one must not follow meanwhile.");
    }
}
