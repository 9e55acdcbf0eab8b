using System.Globalization;
using LoraAdmin.Budget;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using Xunit;

namespace LoraAdmin.Tests.Budget;

public sealed class BurnDownPlotTests
{
    private static readonly DateTimeOffset Now = new(2026, 11, 10, 12, 0, 0, TimeSpan.Zero);

    /// <summary>A limit that was lowered when most was spent already.</summary>
    [Fact]
    public void Line_FarBelowTheLimit_IsInThePictureToItsEnd()
    {
        BudgetMonth month = new(new Month(2026, 11), Limit: Usd.FromDollars(10), Spent: Usd.FromDollars(58), Reserved: Usd.Zero);

        BurnDownPlot plot = BurnDownPlot.Of(month, [new DaySpending(new DateOnly(2026, 11, 9), Usd.FromDollars(58))], null, Usd.FromDollars(8), Now);

        Assert.Equal((Usd.FromDollars(10), Usd.FromDollars(-48)), (plot.Top, plot.Bottom));
        Assert.Equal(BurnDownPlot.Height, LastY(plot.Left), 1);
        Assert.Equal(BurnDownPlot.Height * 10 / 58.0, plot.ZeroY, 1);
    }

    private static double LastY(string corners) => double.Parse(corners.Split(' ')[^1].Split(',')[1], CultureInfo.InvariantCulture);
}
